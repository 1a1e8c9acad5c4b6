"""GitHub Actions: its API, its downloads, where a job ran."""
