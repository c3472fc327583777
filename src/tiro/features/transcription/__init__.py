"""Transcription: from a recording to a transcript."""
