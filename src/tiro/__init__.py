"""Tiro: self-hosted speech to text."""
