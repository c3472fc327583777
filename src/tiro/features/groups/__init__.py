"""Groups of users, made by admins, with whom recordings can be shared."""
