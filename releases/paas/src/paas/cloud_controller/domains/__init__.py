"""Domains: names below which routes are made."""
