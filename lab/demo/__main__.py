"""``bin/demo [--json FILE] [--down]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lab.demo.down import down
from lab.demo.record import default_directory
from lab.demo.run import run
from lab.errors import LabError


def main(arguments: list[str]) -> int:
    """Run or remove the demo; 1 with one sentence when something fails."""
    parser = argparse.ArgumentParser(prog="bin/demo", description="Deploy a release onto VMs of this machine.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write what was measured")
    parser.add_argument("--down", action="store_true", help="remove everything that the demo made")
    parser.add_argument("--dir", type=Path, default=default_directory(), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    try:
        if given.down:
            down(given.dir.resolve())
        else:
            run(given.dir.resolve(), given.json)
    except LabError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
