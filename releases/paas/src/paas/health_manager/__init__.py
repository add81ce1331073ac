"""The health manager: compares what is wanted with what the DEAs' heartbeats tell."""
