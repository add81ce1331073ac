"""CPI for libvirt: containers (LXC driver) as VMs now; machines (QEMU/KVM) join as another `guest.Guest`."""
