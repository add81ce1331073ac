"""One file per step: what it intends, does, and how it recovers."""
