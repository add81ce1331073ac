"""Luck that can be had again: every draw depends on the seed and on what is drawn for, never on the order of threads."""

from __future__ import annotations

import random


def dice(seed: int, *names: object) -> random.Random:
    """A generator of its own for this purpose."""
    return random.Random(":".join(str(part) for part in (seed, *names)))  # noqa: S311 (no secret)
