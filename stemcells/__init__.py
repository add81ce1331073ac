"""Stemcells: recipes, and the builder that turns one into a tarball without a running VM or a mount."""
