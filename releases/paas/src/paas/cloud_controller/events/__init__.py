"""Audit events: who changed what, and what happened to apps by itself."""
