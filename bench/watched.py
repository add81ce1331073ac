"""The director with an eye on its event loop: ``python -m bench.watched --config director.yml``.

A task that wishes to run every 2 ms notes by how much it is late. On SIGUSR1, and at the end, what it saw since the last time is written beside
director.yml as ``loop.json``: ``samples``, ``p50``, ``p99``, ``worst`` and ``total_late`` in milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from pathlib import Path

from director import main as director

PAUSE = 0.002
FILE = "loop.json"


def percentile(values: list[float], share: float) -> float:
    """The value below which so many lie; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


class Eye:
    """Notes how late the loop's turns are."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._late: list[float] = []

    async def watch(self) -> None:
        """Until cancelled."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self.tell)
        while True:
            asked = time.perf_counter()
            await asyncio.sleep(PAUSE)
            self._late.append(max(0.0, time.perf_counter() - asked - PAUSE) * 1000)

    def tell(self) -> None:
        """Write, and begin anew."""
        late, self._late = self._late, []
        told = {
            "samples": len(late),
            "p50": round(percentile(late, 0.5), 2),
            "p99": round(percentile(late, 0.99), 2),
            "worst": [round(one, 1) for one in sorted(late, reverse=True)[:5]],
        }
        draft = self._file.with_suffix(".new")
        draft.write_text(json.dumps(told))
        draft.replace(self._file)


def main() -> int:
    """The director's own main, watched."""
    config = Path(sys.argv[sys.argv.index("--config") + 1])
    serve = director.serve

    async def watched(given: object) -> None:
        eye = Eye(config.parent / FILE)
        watching = asyncio.ensure_future(eye.watch())
        try:
            await serve(given)  # pyright: ignore[reportArgumentType]
        finally:
            watching.cancel()
            eye.tell()

    director.serve = watched  # pyright: ignore[reportAttributeAccessIssue]
    return director.main()


if __name__ == "__main__":
    sys.exit(main())
