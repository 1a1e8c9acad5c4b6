"""The commands of `scout`, one file each."""
