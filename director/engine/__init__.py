"""Runs a stored plan: journal, leases, scheduling, cancel, recover."""
