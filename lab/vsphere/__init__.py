"""A vCenter for tests: govmomi's simulator, built from Debian's source with faults mended, on loopback."""
