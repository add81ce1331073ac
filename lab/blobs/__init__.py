"""Blobs of the PaaS release: engines from Debian packages, Python wheels. Locked by name and digest, kept in the cache."""
