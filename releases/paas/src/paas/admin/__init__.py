"""What the errands that set a platform up act by."""
