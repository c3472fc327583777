"""The queue: who wakes whom. The job's row says what is to be done; a wake-up only says "look"."""
