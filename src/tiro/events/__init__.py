"""Event hints: "look at the log". The log itself is a table."""
