"""``boot``: from a bare stemcell to a VM with a name, accounts, folders and network."""
