"""The errand that puts the release's buildpacks into the platform."""
