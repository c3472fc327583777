"""Real services for tests: each starts when the first test asks, once a process, and ends with it."""
