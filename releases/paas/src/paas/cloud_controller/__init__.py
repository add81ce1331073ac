"""The cloud controller: the v3 API, what is wanted, and the work that brings it about."""
