"""The commands of lens, one file for each subject."""
