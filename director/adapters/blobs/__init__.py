"""The blobstore: a local folder, signed URLs, and the TLS listener that serves them to agents."""
