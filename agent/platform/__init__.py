"""What differs between a VM and a trial without root: accounts, network, power."""
