"""Machines of libvirt's QEMU driver, here or on another host: all that is theirs lies in libvirt's storage pools and domains."""
