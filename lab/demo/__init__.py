"""The demo: a director that deploys a release onto VMs of this machine, in a lab of its own."""
