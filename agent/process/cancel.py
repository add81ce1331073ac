"""A flag that a waiting thread can wait for together with a process."""

from __future__ import annotations

import os
import select


class CancelFlag:
    """Set once, from any thread; readable as a file descriptor."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        self._set = False

    def set(self) -> None:
        """Raise the flag and wake whoever waits."""
        if not self._set:
            self._set = True
            os.write(self._writer, b"x")

    @property
    def is_set(self) -> bool:
        return self._set

    def fileno(self) -> int:
        return self._reader

    def wait(self, seconds: float) -> bool:
        """Sleep up to ``seconds``; True at once when the flag is raised."""
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        return bool(poll.poll(max(0, int(seconds * 1000))))

    def close(self) -> None:
        """Free the descriptors."""
        os.close(self._reader)
        os.close(self._writer)
