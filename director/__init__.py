"""The control plane: reads a manifest, compares it with what runs, and drives CPIs and agents (rooms: docs/explanation/structure.md)."""
