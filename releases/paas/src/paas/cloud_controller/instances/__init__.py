"""Instances of processes: how they are started, what they tell of themselves, how they end."""
