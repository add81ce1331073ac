"""The HTTP API: one route file per noun."""
