"""Anvil runs a project's tests by rule and remembers every result."""
