"""Access tokens: what they say, whether they hold, and how a component gets one of its own."""
