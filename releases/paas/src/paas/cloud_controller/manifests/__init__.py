"""App manifests: read, applied, compared, and made of an app."""
