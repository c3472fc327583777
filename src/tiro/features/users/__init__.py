"""Users: to whom keys and recordings belong."""
