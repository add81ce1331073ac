"""What every component's process has: its configuration, its log, its end, its HTTP server."""
