"""What runs from beginning to end, and again on a schedule."""
