"""Random manifests, faults, deaths, frozen directors. Each case follows from its number: MERISTEM_SEED=417 runs that one alone, and what fails
is made small and told with the command that replays it. MERISTEM_CASES=500 runs fewer or more; the long mode is `tests.recovery.long`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.recovery.long import be_quiet, replay, run_seeds

CASES = int(os.environ.get("MERISTEM_CASES", "3000"))
CHUNK = 100


def chunks() -> list[range]:
    if "MERISTEM_SEED" in os.environ:
        seed = int(os.environ["MERISTEM_SEED"].split()[0])
        return [range(seed, seed + 1)]
    return [range(first, min(first + CHUNK, CASES)) for first in range(0, CASES, CHUNK)]


@pytest.mark.parametrize("seeds", chunks(), ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}")
def test_whatever_happens_the_end_is_right(seeds: range) -> None:
    be_quiet()
    result = run_seeds(seeds)
    assert not result.failures, "\n\n".join(result.failures)


@pytest.mark.parametrize(
    "file", sorted((Path(__file__).parent / "once_wrong").glob("*.json")), ids=lambda file: file.stem
)
def test_what_was_once_wrong(file: Path) -> None:
    """Cases, made small, that longer runs have found and that are mended."""
    be_quiet()
    assert replay(file.read_text()).failures == []
