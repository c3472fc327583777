"""Checkup: what must hold of the data at any time, looked up in the rows and files themselves."""
