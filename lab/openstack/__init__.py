"""OpenStack on loopback for tests: real keystone, glance, placement, nova, neutron, cinder; simulated are only the
hypervisor (nova's fake driver, which records what a VM would see) and the wires (ports are bound at once)."""
