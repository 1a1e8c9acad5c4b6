"""Readers of what the validators write."""
