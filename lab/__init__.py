"""The local lab: a network namespace with its own libvirtd, for the demo and for tests; and a disposable bare machine."""
