"""The warden: a small process beside the director that ends CPI processes which nobody may command any more.

It ends them all when the director dies, and when the time passes until which the director may act: a frozen director, or one that is cut off
from its database, cannot do that itself, and what a call of its brings about after that time would meet what its successor does.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

UNLIMITED = "-"


def now() -> float:
    """Seconds that go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Warden:
    """The director's side. `refuse` makes the error for calls after the time is over. Started when it first has something to watch."""

    def __init__(self, refuse: Callable[[], Exception]) -> None:
        self._refuse = refuse
        self._until: float | None = None
        self._groups: set[int] = set()
        self._child: subprocess.Popen[bytes] | None = None

    def until(self, end: float | None) -> None:
        """Calls may run until then (`now`'s seconds); None: for as long as they like."""
        self._until = end
        if self._child is not None:
            self._say(self._limit())

    def check(self) -> None:
        """Raises the refusal when the time is over. Ask with nothing between it and the act."""
        if self._until is not None and now() >= self._until:
            raise self._refuse()

    def add(self, group: int) -> None:
        """Watch a process group, before it is told to do anything."""
        self._groups.add(group)
        self._say(f"+ {group}")

    def remove(self, group: int) -> None:
        """It has ended by itself."""
        self._groups.discard(group)
        if self._child is not None:
            self._say(f"- {group}")

    def close(self) -> None:
        """End the warden, and what it still watches."""
        if self._child is not None:
            assert self._child.stdin is not None
            self._child.stdin.close()
            self._child.wait()
            self._child = None

    def _limit(self) -> str:
        return f"until {UNLIMITED if self._until is None else repr(self._until)}"

    def _say(self, line: str) -> None:
        if self._child is not None:
            try:
                self._tell(line)
            except BrokenPipeError:  # somebody ended it: a new one takes over what it knew
                self._child.wait()
                self._child = None
        if self._child is None:
            self._child = subprocess.Popen(
                [sys.executable, "-S", "-E", str(Path(__file__).resolve())],
                stdin=subprocess.PIPE,
                start_new_session=True,
                env={},
            )
            self._tell("\n".join([self._limit(), *(f"+ {group}" for group in sorted(self._groups))]))

    def _tell(self, text: str) -> None:
        assert self._child is not None and self._child.stdin is not None
        os.write(self._child.stdin.fileno(), f"{text}\n".encode())


class Watch:
    """The warden's own side: what it watches, and until when."""

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._until: float | None = None

    def hear(self, line: str) -> None:
        """One line of the director's."""
        word, _, value = line.partition(" ")
        if word == "+":
            self._groups.add(int(value))
        elif word == "-":
            self._groups.discard(int(value))
        elif word == "until":
            self._until = None if value == UNLIMITED else float(value)

    def left(self) -> float | None:
        """Seconds until all must have ended; None for no limit, or nothing to watch."""
        return None if self._until is None or not self._groups else max(0.0, self._until - now())

    def end_all(self) -> None:
        """SIGKILL to each group."""
        for group in self._groups:
            try:
                os.killpg(group, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        self._groups.clear()


def main() -> int:
    """Read lines until the director is gone."""
    watch, rest = Watch(), b""
    while True:
        left = watch.left()
        ready, _, _ = select.select([0], [], [], left)
        if ready:
            data = os.read(0, 65536)
            if not data:
                watch.end_all()
                return 0
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                watch.hear(line.decode())
        elif left is not None:
            watch.end_all()


if __name__ == "__main__":
    sys.exit(main())
