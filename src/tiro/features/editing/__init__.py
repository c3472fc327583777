"""Edits: people correct what was heard. Each is a version, with its history and its undo."""
