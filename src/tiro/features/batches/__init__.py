"""Batches: many files sent as one, with one status."""
