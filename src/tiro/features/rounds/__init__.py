"""Work that is done again and again, once in a cluster."""
