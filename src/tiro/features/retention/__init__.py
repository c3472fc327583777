"""Retention: how long recordings are kept, and which of them on hold."""
