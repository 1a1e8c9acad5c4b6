"""The project's files: read, checked and, by request, written."""
