"""`python -m lab.vsphere up|down|status`: a simulated vCenter on loopback."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from lab.errors import LabError
from lab.vsphere import server

DIRECTORY = Path("/var/lib/meristem/vsphere-lab")


def main(arguments: list[str]) -> int:
    """Run one verb; prints the record: address, user, password, what the inventory holds."""
    parser = argparse.ArgumentParser(prog="python -m lab.vsphere", description=__doc__)
    parser.add_argument("verb", choices=("up", "down", "status"))
    parser.add_argument("--dir", type=Path, default=DIRECTORY, help=f"where its files are (default: {DIRECTORY})")
    parser.add_argument("--listen", default="127.0.0.1:0", help="address (default: a free port of loopback)")
    options = parser.parse_args(arguments)
    try:
        if options.verb == "down":
            server.down(options.dir)
            return 0
        found = server.up(options.dir, options.listen) if options.verb == "up" else server.load(options.dir)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 125
    if found is None or not found.lives():
        print("down")
        return 1
    print(json.dumps(asdict(found), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
