"""The health manager's side: what is wanted, told to it; what it asks for, checked again and done; crashes, written down."""
