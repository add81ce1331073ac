"""Secrets at rest: what a component writes to a disk or a database is sealed under a key of its configuration."""
