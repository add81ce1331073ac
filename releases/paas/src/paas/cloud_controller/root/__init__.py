"""What the API says of itself, to anybody."""
