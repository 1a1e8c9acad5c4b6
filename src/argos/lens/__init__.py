"""Lens reports what Anvil remembers."""
