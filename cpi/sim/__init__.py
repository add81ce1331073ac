"""A simulated cloud: an inventory, latencies, limits and faults from one seed, and agents on the real bus. For rehearsals and proofs."""
