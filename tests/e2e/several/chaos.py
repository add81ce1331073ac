"""`python -m tests.e2e.several.chaos --times 30 --seed 1`: three directors under blows, and outages of the bus and of PostgreSQL."""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.contract.store.postgres_server import programs
from tests.e2e.several.blows import Blow, Ring
from tests.e2e.several.trio import LEASE, Trio, build_trio, until


def without_bus(ring: Ring, seconds: float) -> Blow:
    """All servers stop in the middle of a deploy; after a while one is back, then the others."""

    def outage(trio: Trio) -> None:
        trio.cluster.kill()
        time.sleep(seconds)
        trio.cluster.nodes[0].start()
        time.sleep(2)
        trio.cluster.start()

    return _outage(ring, "no bus", seconds, outage)


def without_database(ring: Ring, seconds: float) -> Blow:
    """PostgreSQL is killed in the middle of a deploy and started again."""

    def outage(trio: Trio) -> None:
        trio.postgres.kill()
        time.sleep(seconds)
        trio.postgres.start()

    return _outage(ring, "no db", seconds, outage)


def one_server_less(ring: Ring) -> Blow:
    """One server of the bus is killed in the middle of a deploy, and comes back when that has ended."""

    def outage(trio: Trio) -> None:
        ring.chance.choice(trio.cluster.nodes).kill()

    return _outage(ring, "1 bus", 0, outage)


def _outage(ring: Ring, kind: str, seconds: float, outage: object) -> Blow:
    assert callable(outage)
    trio = ring.trio
    while True:
        since = time.time()
        work, task = ring.begin(long=True)
        blow = Blow(0, work, kind, 1.5, "all")
        until("the task is taken", lambda task=task: trio.runner_of(task) is not None or ring.ended(task))
        time.sleep(blow.after)
        if not ring.ended(task):
            break
        ring.check(blow, task, since)  # it ended too soon: what befalls it is to be seen
        assert not blow.faults, blow.line()
    outage(trio)
    at = time.time()
    trio.directors[0].api.wait(task, seconds=180)
    blow.ended = time.time() - at
    trio.cluster.start()
    ring.check(blow, task, since)
    return blow


def summary(blows: list[Blow]) -> str:
    """Figures of the blows against directors."""
    taken, first = [one.taken_over for one in blows], [one.first_step for one in blows]
    kinds = ", ".join(
        f"{sum(one.kind == kind for one in blows)} {word}" for kind, word in (("kill", "killed"), ("freeze", "frozen"))
    )
    return (
        f"{len(blows)} blows ({kinds}), lease {LEASE:g} s: taken over after {statistics.median(taken):.2f} s (median), {max(taken):.2f} s at most; "
        f"first step after {statistics.median(first):.2f} s, {max(first):.2f} s at most; {sum(bool(one.faults) for one in blows)} with faults"
    )


def main() -> int:
    """0 when every deploy ended right."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.several.chaos", description=__doc__)
    parser.add_argument("--times", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--outage", type=float, default=60, help="seconds without the bus, and without PostgreSQL; 0 for none"
    )
    parser.add_argument("--keep", action="store_true", help="leave the directory with all logs")
    given = parser.parse_args()
    found = programs()
    if found is None:
        print("PostgreSQL is not installed (Debian package postgresql)", file=sys.stderr)
        return 1
    directory = Path(tempfile.mkdtemp(prefix="chaos-"))
    print(f"seed {given.seed}, logs in {directory}", flush=True)
    trio = build_trio(directory, found)
    blows: list[Blow] = []
    others: list[Blow] = []
    try:
        ring = Ring(trio, given.seed)
        for number in range(1, given.times + 1):
            blows.append(ring.round(number))
            print(blows[-1].line(), flush=True)
        if given.outage:
            for outage in (
                one_server_less,
                lambda ring: without_bus(ring, given.outage),
                lambda ring: without_database(ring, given.outage),
            ):
                others.append(outage(ring))
                print(others[-1].line(), flush=True)
        print(summary(blows))
    finally:
        trio.stop()
        if not given.keep:
            shutil.rmtree(directory, ignore_errors=True)
    return 1 if any(one.faults for one in (*blows, *others)) else 0


if __name__ == "__main__":
    sys.exit(main())
