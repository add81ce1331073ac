"""Memory twins of the outside world: a cloud with an inventory, agents that live in its VMs, blobs and time. For tests and rehearsals."""
