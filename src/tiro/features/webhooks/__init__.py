"""Webhooks: tell other programs what happened, signed and at least once."""
