"""Accounts: passwords, logins, and the links with which a password is set."""
