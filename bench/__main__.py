"""``python -m bench [NAMES] [--quick] [--runs N]``: measure, and print one JSON object. See docs/benchmarks.md.

Each measurement runs in a process of its own with a time limit; what it started ends with it.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.stage import REPOSITORY, many_files


@dataclass(frozen=True)
class Measurement:
    """``measure`` of a module of this package, called with each of ``full`` or ``quick``: the answers stand side by side under their arguments.
    ``runs``: how often it is done by itself; ``limit``: seconds after which a run is ended."""

    module: str
    runs: int
    limit: float
    full: tuple[dict[str, Any], ...] = ({},)
    quick: tuple[dict[str, Any], ...] = ({"quick": True},)
    only_named: bool = False


MEASUREMENTS = {
    "no_op": Measurement(
        "whole_no_op", 1, 400, ({"instances": 1000}, {"instances": 2000}), ({"instances": 30, "tries": 1},)
    ),
    "heartbeats": Measurement("heartbeats", 1, 300, quick=({"agents": 100, "seconds": 30, "dying": 2},)),
    "api": Measurement("api", 1, 800, quick=({"tasks": 6000, "instances": 4, "idle": 2},)),
    "memory": Measurement("memory", 1, 400, quick=({"instances": 60, "seconds": 1},)),
    "stretch": Measurement("stretch", 3, 360),
    "limits": Measurement("limits", 1, 300),
    "warm_calls": Measurement("warm_calls", 1, 300),
    "hundred_creates": Measurement("hundred_creates", 3, 200),
    "crash_tax": Measurement("crash_tax", 1, 600),
    "router": Measurement("router", 1, 300),
    "side_by_side": Measurement("side_by_side", 1, 900),
    "side_by_side_1000": Measurement("side_by_side", 1, 3600, ({"instances": 1000},), only_named=True),
}
END = 60.0


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when all that was asked for was measured."""
    parser = argparse.ArgumentParser(
        prog="bin/bench", description="Measure the director in a simulated cloud; JSON on stdout."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASUREMENTS)}; all but the last when none is named"
    )
    parser.add_argument("--quick", action="store_true", help="see that it works: few instances, figures mean nothing")
    parser.add_argument("--runs", type=int, help="so often each; else as docs/benchmarks.md says")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    many_files()
    if given.inside:
        print(json.dumps(_measure(given.inside, quick=given.quick)))
        return 0
    unknown = [name for name in given.names if name not in MEASUREMENTS]
    if unknown:
        parser.error(f"{', '.join(unknown)}: not known; known are {', '.join(MEASUREMENTS)}")
    names = given.names or [name for name, one in MEASUREMENTS.items() if not one.only_named]
    found: dict[str, Any] = {"machine": _machine(), "quick": given.quick, "measured": {}, "failed": {}}
    for name in names:
        runs = 1 if given.quick else given.runs or MEASUREMENTS[name].runs
        for number in range(1, runs + 1):
            _say(f"{name} ({number} of {runs})")
            began = time.monotonic()
            result, error = _apart(name, quick=given.quick)
            if error:
                found["failed"].setdefault(name, []).append(error)
                _say(f"{name} failed: {error}")
            else:
                took = round(time.monotonic() - began, 1)
                found["measured"].setdefault(name, []).append({**result, "took": took, "load": os.getloadavg()[0]})
    print(json.dumps(found, indent=1))
    return 1 if found["failed"] else 0


def _measure(name: str, *, quick: bool) -> dict[str, Any]:
    one = MEASUREMENTS[name]
    measure = importlib.import_module(f"bench.{one.module}").measure
    calls = one.quick if quick else one.full
    results = {", ".join(f"{key}={value}" for key, value in call.items()): measure(**call) for call in calls}
    return results if len(results) > 1 else next(iter(results.values()))


def _apart(name: str, *, quick: bool) -> tuple[dict[str, Any], str]:
    """Result and error, one of them empty."""
    words = [sys.executable, "-m", "bench", "--inside", name, *(["--quick"] if quick else [])]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, cwd=REPOSITORY, text=True, start_new_session=True)
    try:
        output, _ = child.communicate(timeout=MEASUREMENTS[name].limit)
    except subprocess.TimeoutExpired:
        _end(child)
        return {}, f"not done within {MEASUREMENTS[name].limit:.0f} s"
    except BaseException:
        _end(child)
        raise
    if child.returncode:
        return {}, f"ended with status {child.returncode}; its words are above"
    return json.loads(output), ""


def _end(child: subprocess.Popen[str]) -> None:
    """An interrupt lets it clean up; its whole session is killed when it does not."""
    child.send_signal(signal.SIGINT)
    try:
        child.wait(END)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait(END)


def _machine() -> dict[str, Any]:
    return {"cores": len(os.sched_getaffinity(0)), "python": platform.python_version(), "system": platform.platform()}


def _say(line: str) -> None:
    print(f"bench: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
