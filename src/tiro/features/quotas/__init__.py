"""Quotas: how much each user may have and do."""
