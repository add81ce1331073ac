"""``python -m bench.figures RESULT.json``: the ratios of a run of bin/bench as a table for docs/benchmarks.md, median and spread over its runs."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FIGURES: tuple[tuple[str, str, str], ...] = (
    ("Stretch, 200 VMs created", "stretch", "create.stretch"),
    ("the same over a director without delay", "stretch", "create.over_without_delay"),
    ("Stretch, 200 VMs updated", "stretch", "rolling_update.stretch"),
    ("the same over a director without delay", "stretch", "rolling_update.over_without_delay"),
    ("Use of the limit", "limits", "use"),
    ("Use of the limit after it has halved", "limits", "use_after_halving"),
    ("Calls refused", "limits", "refused"),
    ("A warm call, ms over the cloud's time", "warm_calls", "warm.median"),
    ("A process per call, ms", "warm_calls", "process_per_call.median"),
    ("Use of the limit by 100 creations", "hundred_creates", "use"),
    ("Crash tax, accepting cloud", "crash_tax", "accepting.tax"),
    ("Crash tax, waiting cloud", "crash_tax", "waiting.tax"),
    ("Orphans", "crash_tax", "accepting.orphans"),
    ("Router over plain nginx, requests per second", "router", "ratio"),
    ("Side by side: poll each second", "side_by_side", "poll_each_second.times"),
    ("Side by side: process per call", "side_by_side", "process_per_call.times"),
    ("Side by side: barriers in list order", "side_by_side", "barriers_in_list_order.times"),
    ("Side by side: all three", "side_by_side", "all_three.times"),
    ("No-op of 1,000, s", "no_op", "instances=1000.task_seconds"),
    ("No-op of 2,000, s", "no_op", "instances=2000.task_seconds"),
    ("No-op of 2,000, MiB of the director", "no_op", "instances=2000.director_mib"),
)
"""What a row says, the measurement, and the way to the value in its answer."""


def table(result: dict[str, Any]) -> str:
    """Rows of Markdown; figures that were not measured are left out. The other measurements' answers are shown whole by bin/bench itself."""
    lines = ["| Figure | Median | Least to most | Runs |", "| --- | --- | --- | --- |"]
    for title, name, path in FIGURES:
        values = [value for run in result["measured"].get(name, []) if (value := _at(run, path)) is not None]
        if values:
            spread = f"{min(values):g} to {max(values):g}" if len(values) > 1 else ""
            lines.append(f"| {title} | {statistics.median(values):g} | {spread} | {len(values)} |")
    return "\n".join(lines)


def _at(run: Any, path: str) -> float | None:
    for key in path.split("."):
        if not isinstance(run, dict) or key not in run:
            return None
        run = run[key]
    return float(run)


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("python -m bench.figures RESULT.json: the file that bin/bench has printed into\n")
        return 2
    print(table(json.loads(Path(arguments[0]).read_text())))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
