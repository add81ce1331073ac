"""Buildpacks of the platform: how apps of a kind become droplets."""
