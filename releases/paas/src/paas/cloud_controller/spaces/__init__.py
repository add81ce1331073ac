"""Spaces: where apps, routes and services live."""
