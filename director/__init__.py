"""The control plane: reads a manifest, compares it with what runs, and drives CPIs and agents."""

__version__ = "0.1.0"
