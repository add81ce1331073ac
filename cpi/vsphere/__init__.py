"""The vSphere plugin."""
