"""The history of the schema, and the way to its newest state."""
