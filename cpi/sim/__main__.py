"""`python -m cpi.sim STATE_DIR`: what a simulated cloud has, and how often it was called. One JSON object."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from cpi.contract import KINDS, CpiError
from cpi.sim.inventory import FILE, Inventory


def overview(inventory: Inventory) -> dict[str, object]:
    """`calls`, `refused`, `made` by name, `faults` that struck, and the CIDs of each kind."""
    with inventory.transaction() as books:
        return {
            "calls": books.counters("calls:"),
            "refused": books.counters("refused:"),
            "made": books.counters("made:"),
            "faults": books.counters("fault:"),
            "vanished": books.counted("vanished"),
            **{f"{kind}s": list(books.generations(kind)) for kind in (*KINDS, "network")},
        }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m cpi.sim", description="Show a simulated cloud.")
    parser.add_argument("state_dir", type=Path, help="the property state_dir of the cloud")
    options = parser.parse_args(argv)
    if not (options.state_dir / FILE).exists():
        sys.stderr.write(f"{options.state_dir} holds no simulated cloud: there is no {FILE}; check state_dir\n")
        return 1
    try:
        print(json.dumps(overview(Inventory(options.state_dir)), indent=2))
    except CpiError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
