"""Recordings: the door, `/api/v1/transcribe`."""
