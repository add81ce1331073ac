"""`python -m lab up|exec|down|status|disposable|prove-demo`: the local lab from the command line."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from lab.enter import become
from lab.errors import LabError
from lab.house import open_lab, up
from lab.record import load
from lab.removal import remove


def parser() -> argparse.ArgumentParser:
    """The command line."""
    root = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    verbs = root.add_subparsers(dest="verb", required=True)
    for verb, text in [
        ("up", "make a lab, or find it running; prints its record"),
        ("exec", "run a command inside a lab"),
        ("down", "remove a lab and all that runs in it"),
        ("status", "print a lab's record and what runs in it"),
    ]:
        sub = verbs.add_parser(verb, help=text)
        sub.add_argument(
            "--dir", type=Path, required=True, help="the lab's directory (not too long: it holds a Unix socket)"
        )
        if verb == "up":
            sub.add_argument("--name", help="run id, part of the names of its namespace and cgroups (default: random)")
        if verb == "exec":
            sub.add_argument("command", nargs=argparse.REMAINDER)
    fresh = verbs.add_parser("disposable", help="run a command on a bare Debian 12 that is thrown away afterwards")
    fresh.add_argument("--root", type=Path, required=True, help="where to make the root tree (removed afterwards)")
    fresh.add_argument(
        "--tree", type=Path, help="git tree whose HEAD is cloned to /root/meristem in it (default: this one)"
    )
    fresh.add_argument("--bind", action="append", default=[], metavar="SOURCE:PLACE", help="bind a directory into it")
    fresh.add_argument("command", nargs=argparse.REMAINDER, help="begins after --")
    proof = verbs.add_parser("prove-demo", help="prove bin/demo on a bare machine; prints what was measured as JSON")
    proof.add_argument("--root", type=Path, default=Path("/var/tmp/meristem-proof"), help="where to make it")
    proof.add_argument("--tree", type=Path, help="git tree whose HEAD is tried (default: this one)")
    return root


def main(arguments: list[str]) -> int:
    """Run one verb; a LabError becomes one line on standard error and status 125 (so that a command's own status differs)."""
    options = parser().parse_args(arguments)
    command: list[str] = getattr(options, "command", [])
    command = command[1:] if command[:1] == ["--"] else command
    try:
        if options.verb in ("exec", "disposable") and not command:
            raise LabError(f"{options.verb}: name the command to run after --")
        match options.verb:
            case "up":
                print(json.dumps(asdict(up(options.dir, options.name).record), indent=2))
            case "exec":
                become(options.dir.resolve(), command)
            case "down":
                record = load(options.dir.resolve())
                if record is not None:
                    remove(record)
            case "status":
                return _status(options.dir)
            case "prove-demo":
                from lab.disposable import play
                from lab.proof import scenes

                return play(options.root, scenes.play, tree=options.tree)
            case _:
                from lab.disposable import run

                return run(options.root, command, tree=options.tree, binds=options.bind)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 125
    return 0


def _status(directory: Path) -> int:
    from lab.network import domains

    record = load(directory.resolve())
    if record is None or not record.holder_lives():
        print("down")
        return 1
    lab = open_lab(directory)
    print(json.dumps({**asdict(lab.record), "domains": domains(lab.record)}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
