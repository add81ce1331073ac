"""Tasks: commands that run once with an app's droplet."""
