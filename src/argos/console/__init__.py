"""What the three commands share: their edge, tables, colours and the progress line."""
