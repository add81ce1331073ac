"""CPI for libvirt: containers (LXC driver) on this host, machines (QEMU driver, with KVM or without) here and on others."""
