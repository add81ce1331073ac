"""Quotas: how much an organization or a space may use."""
