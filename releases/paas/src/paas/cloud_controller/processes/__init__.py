"""Processes: what of an app runs, how often, and how big."""
