"""Untrusted bytes into samples: probing and decoding in a sandboxed child, then finding where speech is."""
