"""The errand that tells the cloud controller of the platform's service brokers."""
