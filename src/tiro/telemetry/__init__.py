"""Seeing what happens: metrics, traces, and where a job came from.

It costs next to nothing while nobody looks.
"""
