"""The commands of `anvil`, one file for each word after it."""
