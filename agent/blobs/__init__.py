"""Blobs: digests, transfer by signed URL, and stores reached by blob id."""
