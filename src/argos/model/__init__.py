"""The vocabulary: values that every layer may speak of. Standard library only."""
