"""The blobstore: packages, droplets and buildpacks by WebDAV, with signed URLs."""
