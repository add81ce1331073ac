"""What is old and of no use any more goes; what got stuck is ended."""
