"""Persistent, ephemeral and dynamic disks."""
