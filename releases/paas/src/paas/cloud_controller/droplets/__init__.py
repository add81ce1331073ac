"""Droplets: what staging made of a package, ready to run."""
