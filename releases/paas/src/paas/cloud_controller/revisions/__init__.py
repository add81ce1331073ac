"""Revisions: what ran of an app, so that it may run again."""
