"""Sharing: who may see a recording beside its owner."""
