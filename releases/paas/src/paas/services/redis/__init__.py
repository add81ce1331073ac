"""The Redis service: one server per instance, with a port, a memory limit and a file of its own."""
