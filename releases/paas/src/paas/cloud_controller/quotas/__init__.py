"""Quotas of organizations and spaces: what they are, and that they hold."""
