"""A user's recordings as a whole, followed live."""
