"""Random cases without end: python -m tests.recovery.long --cases 50000 --seed 0 [--jobs 2] [--json FILE]; one of them again: --only SEED, or
--case JSON. What fails is made small and told with the command that replays it."""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import structlog

from tests.recovery.case import PER_STORY, Case, Models, case_of, told, wrongs_of
from tests.recovery.shrink import shrink

CHUNK = 25 * PER_STORY
SHRUNK = 2
"""Failing cases of a chunk that are made small; where more fail, they mostly fail for the same reason."""


@dataclass
class Result:
    """Of some cases: what struck, and for each that failed its report."""

    cases: int = 0
    struck: Counter[str] = field(default_factory=Counter[str])
    failures: list[str] = field(default_factory=list[str])
    cpu_seconds: float = 0


def be_quiet() -> None:
    """Directors that are killed a thousand times tell the log nothing."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), processors=[lambda *_: ""])


def report(case: Case, models: Models, command: str) -> str:
    """A failing case, made small."""
    undisturbed = bool(models.of(case.story).wrongs)
    small = shrink(case, lambda one: bool(models.of(one.story).wrongs) == undisturbed and bool(wrongs_of(one, models)))
    lines = [f"{command} fails:", *(f"  {one}" for one in wrongs_of(case, models)[:5])]
    lines += ["the smallest case that fails likewise:", *(f"  {one}" for one in wrongs_of(small, models)[:5])]
    for number, deed in enumerate(small.story.deeds):
        disturbed = " <- disturbed" if number == small.deed else ""
        lines.append(f"  {deed.kind} {msgspec.to_builtins(deed)}{disturbed}")
    lines += [f"  {one.kind} at {one.at} {one.what} {one.seconds or ''}".rstrip() for one in small.disturbances]
    lines.append(f"replay: .venv/bin/python -m tests.recovery.long --case '{told(small)}'")
    return "\n".join(lines)


def run_seeds(seeds: Iterable[int]) -> Result:
    """These cases, one after the other."""
    result = Result()
    began = time.process_time()
    with tempfile.TemporaryDirectory() as directory:
        models = Models(Path(directory))
        for seed in seeds:
            case = case_of(seed, models)
            result.cases += 1
            result.struck.update(one.kind for one in case.disturbances)
            found = wrongs_of(case, models)
            if found and len(result.failures) < SHRUNK:
                result.failures.append(report(case, models, f"MERISTEM_SEED={seed}"))
            elif found:
                result.failures.append(f"MERISTEM_SEED={seed} fails: {found[0]}")
    result.cpu_seconds = time.process_time() - began
    return result


def replay(text: str) -> Result:
    """The case of a JSON text."""
    result = Result(cases=1)
    with tempfile.TemporaryDirectory() as directory:
        models = Models(Path(directory))
        case = msgspec.json.decode(text, type=Case)
        found = wrongs_of(case, models)
        if found:
            result.failures.append("\n".join(found))
    return result


def _all(first: int, cases: int, jobs: int, seconds: float) -> Result:
    """In chunks over processes, a line of progress for each; after so many seconds no more are begun, and those that were are counted."""
    total = Result()
    began = time.monotonic()
    chunks = [range(at, min(at + CHUNK, first + cases)) for at in range(first, first + cases, CHUNK)]
    with ProcessPoolExecutor(jobs, initializer=_alone) as pool:
        for one in pool.map(run_seeds, chunks):
            total.cases += one.cases
            total.struck += one.struck
            total.failures += one.failures
            total.cpu_seconds += one.cpu_seconds
            passed = time.monotonic() - began
            left = (cases - total.cases) * passed / total.cases
            print(
                f"{total.cases}/{cases} cases, {len(total.failures)} failed, {passed:.0f} s, {left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )
            for text in one.failures:
                print(text, flush=True)
            if passed > seconds:
                pool.shutdown(wait=False, cancel_futures=True)
                break
    return total


def _alone() -> None:
    """A process that does nothing else, and ends with the one that began it."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    be_quiet()
    gc.set_threshold(100_000, 20, 20)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=50000)
    parser.add_argument("--seed", type=int, default=0, help="the first case's number")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=6 * 3600, help="begin nothing more after so long")
    parser.add_argument("--json", type=Path, help="where the summary goes besides stdout")
    parser.add_argument("--only", type=int, help="this case alone")
    parser.add_argument("--case", help="this case alone, as JSON")
    asked = parser.parse_args()
    be_quiet()
    began = time.monotonic()
    if asked.case:
        total = replay(asked.case)
    elif asked.only is not None:
        total = run_seeds([asked.only])
    else:
        total = _all(asked.seed, asked.cases, asked.jobs, asked.seconds)
    for text in total.failures if asked.case or asked.only is not None else ():
        print(text)
    summary = {
        "cases": total.cases,
        "first_seed": asked.seed if asked.only is None else asked.only,
        "failed": len(total.failures),
        "seconds": round(time.monotonic() - began, 1),
        "cpu_seconds": round(total.cpu_seconds, 1),
        "disturbances": dict(sorted(total.struck.items())),
    }
    text = json.dumps(summary, indent=2)
    print(text)
    if asked.json:
        asked.json.write_text(text + "\n")
    return 1 if total.failures else 0


if __name__ == "__main__":
    sys.exit(main())
