"""Counters: how much was recognised, and how much of it dropped."""
