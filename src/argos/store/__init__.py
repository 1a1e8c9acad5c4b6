"""What Argos remembers: tables, the database, and queries by subject."""
