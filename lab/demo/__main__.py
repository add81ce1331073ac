"""``bin/demo [--first] [--json FILE] [--down] [--inside COMMAND...]``."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from lab.demo.down import down
from lab.demo.greeter import GREETER
from lab.demo.inside import inside
from lab.demo.platform import PLATFORM
from lab.demo.record import default_directory
from lab.demo.run import run
from lab.errors import LabError

INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bin/demo", description="Deploy a release onto VMs of this machine.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write what was measured")
    parser.add_argument(
        "--first", action="store_true", help="deploy two small VMs, as the tutorial has them, not the PaaS"
    )
    parser.add_argument("--down", action="store_true", help="remove everything that the demo made")
    parser.add_argument(
        "--inside",
        nargs=argparse.REMAINDER,
        metavar="COMMAND",
        help="run a command (default: a shell) in the demo's network namespace, where its VMs are",
    )
    parser.add_argument(
        "--dir", type=Path, default=default_directory(), help="where the demo is (default: %(default)s)"
    )
    return parser


def main(arguments: list[str]) -> int:
    """Run or remove the demo; 1 with one sentence when something fails."""
    given = parser().parse_args(arguments)
    directory = given.dir.resolve()
    try:
        if given.inside is not None:
            inside(directory, given.inside)
        if given.down:
            if not directory.is_dir():
                print("demo: nothing to remove")
                return 0
            with alone(directory):
                down(directory)
        else:
            with alone(directory):
                run(directory, given.json, GREETER if given.first else PLATFORM)
    except LabError as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted; bin/demo goes on from here, bin/demo --down removes all", file=sys.stderr)
        return INTERRUPTED
    return 0


@contextmanager
def alone(directory: Path) -> Generator[None]:
    """Hold the demo's directory, so that two runs do not meet in it; LabError when another holds it."""
    directory.mkdir(parents=True, exist_ok=True)
    held = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError(f"{directory}: another bin/demo is at work here; wait for its end") from None
        yield
    finally:
        os.close(held)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
