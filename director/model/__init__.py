"""Frozen types that every room of the director may read: what is wanted, what runs, the plan between them, and errors."""
