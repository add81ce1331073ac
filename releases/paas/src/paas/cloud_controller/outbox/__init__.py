"""What the bus is told once a change is committed."""
