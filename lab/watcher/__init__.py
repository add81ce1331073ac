"""Boots the VMs of a cloud whose hypervisor is simulated, as containers of a lab: with the settings, disks and cards that the cloud records for them."""
