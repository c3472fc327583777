"""Egress: calls to servers whose addresses users name, which must not lead into the operator's network."""
