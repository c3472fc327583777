"""Transcripts: what was said, and its exports."""
