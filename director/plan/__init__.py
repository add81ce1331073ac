"""Pure planning: place, diff, order, rollout. No clock, socket, store or log."""
