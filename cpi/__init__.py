"""Cloud provider interface: the contract, the warm worker with its client, the bridge to one-shot executables, and our plugins."""
