"""Whisper models of this machine: which are here, getting them, and removing them, for admins."""
