"""The speech engines: one port, several adapters, each in a child process of its own."""
