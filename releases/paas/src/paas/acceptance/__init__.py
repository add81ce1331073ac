"""The acceptance of a running platform: what it promises, tried from outside with its own client and plain requests."""
