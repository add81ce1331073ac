"""Organizations: who pays, and what belongs together."""
