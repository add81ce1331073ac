"""Routes: addresses, and the apps that they lead to."""
