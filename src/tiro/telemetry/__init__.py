"""Seeing what happens: metrics, traces, and where a job came from. Costs next to nothing while nobody looks."""
