"""The VM's console: where operators look when nothing else of the VM can be reached."""

from __future__ import annotations

import contextlib
import logging
import os

PLACE = "/dev/console"
MOST = 100


class ConsoleHandler(logging.Handler):
    """Writes lines to the console until there were `MOST` of them. It never waits: a console that nobody reads may be full, and the line is
    lost then; nor is it an error when there is no console."""

    def __init__(self, level: int, place: str = PLACE) -> None:
        super().__init__(level)
        self._place = place
        self._left = MOST

    def emit(self, record: logging.LogRecord) -> None:
        if self._left <= 0:
            return
        self._left -= 1
        with contextlib.suppress(OSError):
            console = os.open(self._place, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
            try:
                os.write(console, f"{self.format(record)}\r\n".encode(errors="replace"))
            finally:
                os.close(console)
