"""What the director needs of the outside world, as protocols."""
