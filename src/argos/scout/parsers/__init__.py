"""What job logs and reports mean."""
