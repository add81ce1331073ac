"""CPIs behind the cloud port."""
