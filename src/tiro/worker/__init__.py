"""The worker: takes jobs from the table and runs them."""
