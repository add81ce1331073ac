"""Staging: a stager is asked to make a droplet, and its answers are awaited."""
