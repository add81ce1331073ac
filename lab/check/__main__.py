"""`python -m lab.check [--quick | --proof | --clouds | --paas | --all] [pytest arguments]`: what `bin/test` runs once the set-up is done."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lab.check.beside import Beside
from lab.check.outcome import Outcome, total
from lab.check.static import TOOLS, file_lengths, run_tool, run_types
from lab.check.suites import STAGES, Suite, asked_for, run_suites, side_by_side
from lab.openstack import shared
from lab.sweep import sweep


def main(arguments: list[str]) -> int:
    """Run every stage, print the table, the failures, the skips with their reasons and the count; 0 if none failed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what the tests made is removed then too
    # started in the background by a shell this would be ignored, here and in all that the tests start and interrupt
    signal.signal(signal.SIGINT, signal.default_int_handler)
    asked = [argument for argument in arguments if argument in STAGES]
    if len(asked) > 1:
        print(f"bin/test: one stage at a time, not {' and '.join(asked)}; --all is all but --clouds", file=sys.stderr)
        return 2
    stage = STAGES[asked[0] if asked else ""]
    passed_on = [argument for argument in arguments if argument not in STAGES]
    top = Path(__file__).resolve().parents[2]
    run_dir = (
        Path(os.environ.get("MERISTEM_RUN", "/var/lib/meristem" if os.geteuid() == 0 else "/tmp"))
        / f"test-{os.getpid()}"
    )
    begin = time.monotonic()
    outcomes: list[Outcome] = []
    try:
        run = _checks_and_suites if stage.checks else _suites
        outcomes += run(stage.suites, top, passed_on, run_dir)
    finally:
        left = sweep(run_dir)
        if os.geteuid() == 0 and shared.leave(say=lambda _: None):
            left.append("openstack")
        shutil.rmtree(run_dir, ignore_errors=True)
    if left:
        outcomes.append(Outcome("leftovers", 0, [f"a test left the lab {name} running (removed now)" for name in left]))
    print(f"\n--- stages ({time.monotonic() - begin:.1f} s)")
    for outcome in outcomes:
        print(outcome.line())
    for outcome in outcomes:
        for skip in outcome.skips:
            print(f"skipped: {skip}")
    for outcome in outcomes:
        for failure in outcome.failures:
            print(f"FAILED: {failure}")
    print(total(outcomes), flush=True)
    return 1 if any(outcome.failures for outcome in outcomes) else 0


def _checks_and_suites(suites: list[Suite], top: Path, arguments: list[str], run_dir: Path) -> list[Outcome]:
    print("--- file length", flush=True)
    outcomes = [file_lengths(top)]
    for name, command in TOOLS:
        print(f"--- {name}", flush=True)
        outcomes.append(run_tool(name, command, top))
    suites = asked_for(suites, arguments)
    if len(suites) > 1:
        # the first keeps all cores busy: beside it anything else would only make both slower
        outcomes += run_suites(suites[:1], top, arguments, run_dir)
        suites = suites[1:]
    return outcomes + _side_by_side(run_types, suites, top, arguments, run_dir)


def _suites(suites: list[Suite], top: Path, arguments: list[str], run_dir: Path) -> list[Outcome]:
    return _side_by_side(None, asked_for(suites, arguments), top, arguments, run_dir)


def _side_by_side(
    check: Callable[[Path], Outcome] | None, suites: list[Suite], top: Path, arguments: list[str], run_dir: Path
) -> list[Outcome]:
    """One after the other, shown as they run; beside them the check with those that give way, and those that are idle."""
    front, lanes = side_by_side(suites, root=os.geteuid() == 0)
    running: list[Beside] = []
    try:
        for number, lane in enumerate(lanes):
            here = check if number == 0 else None
            if here is not None or lane:
                running.append(Beside(here, lane, top, arguments, run_dir))
                running[-1].start()
        outcomes = list(run_suites(front, top, arguments, run_dir))
        return [*outcomes, *(outcome for beside in running for outcome in beside.outcomes())]
    finally:
        for beside in running:
            beside.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
