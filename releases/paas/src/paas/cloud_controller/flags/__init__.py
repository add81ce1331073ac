"""Feature flags: what ordinary users may do at all."""
