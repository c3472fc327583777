"""Backups: all rows and files in one archive, and back."""
