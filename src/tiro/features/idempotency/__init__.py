"""What is done once, however often it is asked for under one Idempotency-Key."""
