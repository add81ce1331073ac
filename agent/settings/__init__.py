"""Where a VM's settings come from, and what they say (agent protocol, section 5)."""
