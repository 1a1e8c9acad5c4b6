"""Where CI results meet the history of local ones."""
