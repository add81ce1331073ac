"""The PaaS on VMs of this machine: its release built, its manifest deployed, its addresses told."""
