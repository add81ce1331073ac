"""Apps: made, changed, started and stopped."""
