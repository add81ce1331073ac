"""Builds: a package on its way to become a droplet."""
