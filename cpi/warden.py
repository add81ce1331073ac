"""The warden: a small process beside the director that ends CPI processes which nobody may command any more.

It ends them all when the time passes until which the director may act: a frozen director, or one that is cut off from its database, cannot do
that itself, and what a call of its brings about after that time would meet what its successor does. When the director dies, its workers begin
nothing more, but may end the calls that they have begun, for as long as the director might have acted and FINISH seconds at most; all else ends
at once. The next life of the director waits for their end before it asks what became of anything (docs/decisions/0016-calls-outlive.md).
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

UNLIMITED = "-"
END = "end"
FINISH = 30.0
"""Seconds, as many as an orderly stop leaves to the calls under way."""


def now() -> float:
    """Seconds that go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Warden:
    """The director's side. `refuse` makes the error for calls after the time is over. Started when it first has something to watch."""

    def __init__(self, refuse: Callable[[], Exception]) -> None:
        self._refuse = refuse
        self._until: float | None = None
        self._groups: dict[int, bool] = {}
        self._child: subprocess.Popen[bytes] | None = None
        self._pipe: tuple[int, int] | None = None

    @property
    def lifeline(self) -> int:
        """To be handed to those that may finish: the end of a pipe that the director and the warden hold open while they live."""
        return self._ends[0]

    def until(self, end: float | None) -> None:
        """Calls may run until then (`now`'s seconds); None: for as long as they like."""
        self._until = end
        if self._child is not None:
            self._say(self._limit())

    def check(self) -> None:
        """Raises the refusal when the time is over. Ask with nothing between it and the act."""
        if self._until is not None and now() >= self._until:
            raise self._refuse()

    def add(self, group: int, *, finishes: bool = False) -> None:
        """Watch a process group, before it is told to do anything. ``finishes``: it may end its calls when the director dies, and begins none
        then."""
        self._groups[group] = finishes
        self._say(_watching(group, finishes))

    def remove(self, group: int) -> None:
        """It has ended by itself."""
        self._groups.pop(group, None)
        if self._child is not None:
            self._say(f"- {group}")

    def close(self) -> None:
        """End the warden, and what it still watches."""
        if self._child is not None:
            assert self._child.stdin is not None
            self._say(END)
            self._child.stdin.close()
            self._child.wait()
            self._child = None
        for descriptor in self._pipe or ():
            os.close(descriptor)
        self._pipe = None

    @property
    def _ends(self) -> tuple[int, int]:
        if self._pipe is None:
            self._pipe = os.pipe()
        return self._pipe

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
            held = self._ends[1]
            self._child = subprocess.Popen(
                [sys.executable, "-S", "-E", str(Path(__file__).resolve())],
                stdin=subprocess.PIPE,
                start_new_session=True,
                pass_fds=(held,),
                env={},
            )
            self._tell("\n".join([self._limit(), *(_watching(*one) for one in sorted(self._groups.items()))]))

    def _tell(self, text: str) -> None:
        assert self._child is not None and self._child.stdin is not None
        os.write(self._child.stdin.fileno(), f"{text}\n".encode())


def _watching(group: int, finishes: bool) -> str:
    return f"{'~' if finishes else '+'} {group}"


class Watch:
    """The warden's own side: what it watches, and until when."""

    def __init__(self) -> None:
        self._groups: dict[int, bool] = {}
        self._until: float | None = None

    def hear(self, line: str) -> None:
        """One line of the director's."""
        word, _, value = line.partition(" ")
        if word in ("+", "~"):
            self._groups[int(value)] = word == "~"
        elif word == "-":
            self._groups.pop(int(value), None)
        elif word == END:
            self.end_all()
        elif word == "until":
            self._until = None if value == UNLIMITED else float(value)

    def left(self) -> float | None:
        """Seconds until all must have ended; None for no limit, or nothing to watch."""
        return None if self._until is None or not self._groups else max(0.0, self._until - now())

    def end_all(self) -> None:
        """SIGKILL to each group."""
        for group in self._groups:
            _kill(group)
        self._groups.clear()

    def see_out(self) -> None:
        """The director is dead: let those finish that may, and end the rest."""
        finishing: dict[int, int] = {}
        for group in [one for one, finishes in self._groups.items() if finishes]:
            with contextlib.suppress(
                OSError
            ):  # it is gone already, or the kernel cannot tell of its end: then it ends now
                finishing[os.pidfd_open(group)] = group
                self._groups.pop(group)
        self.end_all()
        end = now() + FINISH if self._until is None else min(now() + FINISH, self._until)
        while finishing and (left := end - now()) > 0:
            ended, _, _ = select.select(list(finishing), [], [], left)
            for one in ended:
                _kill(finishing.pop(one))  # what it may have left in its group
        for group in finishing.values():
            _kill(group)


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def main() -> int:
    """Read lines until the director is gone."""
    watch, rest = Watch(), b""
    while True:
        left = watch.left()
        ready, _, _ = select.select([0], [], [], left)
        if ready:
            data = os.read(0, 65536)
            if not data:
                watch.see_out()
                return 0
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                watch.hear(line.decode())
        elif left is not None:
            watch.end_all()


if __name__ == "__main__":
    sys.exit(main())
