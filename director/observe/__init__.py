"""Heartbeats, drift and repair; its output is a plan, it never acts itself."""
