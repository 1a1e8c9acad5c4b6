"""A package of this project that happens to be called anvil."""
