"""Brings GitHub Actions home: runs, jobs, logs, artifacts, results, and why they failed."""
