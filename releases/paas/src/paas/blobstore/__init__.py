"""The blobstore: nginx with WebDAV for components that have the password, and signed addresses for all others."""
