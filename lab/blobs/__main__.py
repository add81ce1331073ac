"""``python -m lab.blobs fill DIRECTORY | relock --stemcell FILE | stack --out FILE | package-cache --out FILE``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lab.blobs import package_cache, stack
from lab.blobs.fill import fill, relock
from lab.errors import LabError


def main(arguments: list[str]) -> int:
    """Fill a release directory with blobs, or write the lock of the engines anew; 1 with one sentence when that fails."""
    parser = argparse.ArgumentParser(prog="python -m lab.blobs", description="Blobs of the PaaS release.")
    commands = parser.add_subparsers(dest="command", required=True)
    filling = commands.add_parser("fill", help="put engines and wheels into a release directory")
    filling.add_argument("directory", type=Path)
    locking = commands.add_parser("relock", help="write config/engines.lock anew from the machine's apt sources")
    locking.add_argument("--stemcell", type=Path, required=True, help="the stemcell that the engines are laid beside")
    rooting = commands.add_parser("stack", help="make the root tree that applications run in")
    rooting.add_argument("--out", type=Path, required=True, metavar="FILE")
    caching = commands.add_parser("package-cache", help="fetch the package cache's first content")
    caching.add_argument("--out", type=Path, required=True, metavar="FILE")
    given = parser.parse_args(arguments)
    try:
        if given.command == "fill":
            fill(given.directory, _say)
        elif given.command == "stack":
            made = stack.deliver(given.out, _say)
            _say(f"{made.name} {made.digest}: {given.out} ({given.out.stat().st_size / 1e6:.0f} MB)")
        elif given.command == "package-cache":
            package_cache.deliver(given.out, _say)
        else:
            relock(given.stemcell, _say)
    except LabError as error:
        print(f"blobs: {error}", file=sys.stderr)
        return 1
    return 0


def _say(text: str) -> None:
    print(f"blobs: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
