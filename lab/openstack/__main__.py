"""`python -m lab.openstack up|down|status`: OpenStack on loopback."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lab.errors import LabError
from lab.openstack import house, places, shared
from lab.openstack.memory import proportional
from lab.openstack.stack import BASE_PORT, COMPUTES, Stack


def main(arguments: list[str]) -> int:
    """Run one verb; a LabError becomes one line and status 125. `status` ends with 1 when nothing runs."""
    parser = argparse.ArgumentParser(prog="python -m lab.openstack", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, text in (
        ("up", "make a lab, or find it running"),
        ("down", "end it and remove its files; saved databases and the services' environment stay in the cache"),
        ("status", "its processes and their memory"),
    ):
        sub = verbs.add_parser(verb, help=text)
        sub.add_argument("--dir", type=Path, default=places.state(), help="the lab's directory (default: %(default)s)")
        if verb == "up":
            sub.add_argument("--port", type=int, default=BASE_PORT, help="first of ten ports (default: %(default)s)")
            sub.add_argument("--computes", type=int, default=COMPUTES, help="simulated hypervisors (%(default)s)")
    options = parser.parse_args(arguments)
    directory: Path = options.dir.resolve()
    try:
        match options.verb:
            case "up":
                house.up(directory, options.port, options.computes, _say)
                shared.keep(directory)
            case "down":
                house.down(directory, _say)
            case _:
                return _status(directory)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 125
    return 0


def _status(directory: Path) -> int:
    stack = Stack.load(directory)
    running = stack.processes() if stack else {}
    if not running:
        print("down")
        return 1
    whole = 0
    for name, pid in running.items():
        size = proportional(pid)
        whole += size
        print(f"{name:<18} pid {pid:<7} {size:>5} MiB")
    print(f"total {whole} MiB")
    return 0


def _say(text: str) -> None:
    print(f"lab: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
