"""What all of the v3 API has in common: calls, errors, bodies, lists, presentation, permissions."""
