"""The broker's schema, step by step."""
