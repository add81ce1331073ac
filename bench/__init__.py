"""The bench: six ratios of a director in a simulated cloud (docs/benchmarks.md)."""
