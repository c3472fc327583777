"""The stages of the pipeline, each one a step from samples to text."""
