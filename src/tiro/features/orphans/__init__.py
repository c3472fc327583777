"""Orphans: files that belong to nothing any more, of requests that were given up and processes that died."""
