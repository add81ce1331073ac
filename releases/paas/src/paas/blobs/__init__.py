"""Blobs: packages, droplets, buildpacks, kept by key in the blobstore and carried to and from files."""
