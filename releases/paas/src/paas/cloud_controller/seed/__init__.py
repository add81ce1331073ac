"""What a new platform begins with."""
