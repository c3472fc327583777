"""A finished recording, followed while people work on it."""
