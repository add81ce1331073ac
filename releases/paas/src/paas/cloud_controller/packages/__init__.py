"""Packages: what a user uploads of an app."""
