"""Text to model: manifests, cloud, runtime and CPI configs; every error names file, line and key."""
