"""The inventory's file between threads and processes."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from cpi.sim.inventory import Inventory

LOOK = "import sys; from pathlib import Path; from cpi.sim.inventory import Inventory\n"
COUNT = (
    LOOK
    + "i = Inventory(Path(sys.argv[1]))\nwith i.transaction() as books: print(books.counted('made:vm'), end='')\ni.close()"
)


def count_elsewhere(directory: Path) -> str:
    words = [sys.executable, "-c", COUNT, str(directory)]
    root = Path(__file__).resolve().parents[3]
    return subprocess.run(words, cwd=root, capture_output=True, text=True, check=True).stdout


def test_a_process_that_leaves_takes_nothing_along(tmp_path: Path) -> None:
    """SQLite removes the log of a file when the last who uses it leaves; a thread that opens the file must not make it look unused."""
    inventory = Inventory(tmp_path)
    with inventory.transaction() as books:
        books.add("vm", "first", {})
    opening = threading.Thread(target=lambda: inventory.version())
    opening.start()
    opening.join()
    assert count_elsewhere(tmp_path) == "1"
    with inventory.transaction() as books:
        books.add("vm", "second", {})
    assert count_elsewhere(tmp_path) == "2"
    inventory.close()
