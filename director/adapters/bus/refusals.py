"""Whom nats-server turned away, and why: read from its log, which names addresses and reasons."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

MOST = 256 * 1024
"""Bytes of the log that one look reads."""
KEPT = 4096
_LINE = re.compile(
    r"(?P<at>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d+)?) \[ERR\] (?P<host>\S+):\d+ - cid:\d+ - (?P<why>TLS handshake error: .*|.*authentication error.*)"
)
_PEER = re.compile(r"read tcp \S+->\S+: ")


class Refusals:
    """The last one of each address. Only what was written since the last look is read, and nothing of before the first one."""

    def __init__(self, log_file: Path) -> None:
        self._file = log_file
        self._offset = self._size()
        self._last: dict[str, tuple[float, str]] = {}

    def look(self) -> dict[str, tuple[float, str]]:
        """Address → (epoch seconds, reason)."""
        size = self._size()
        if size < self._offset:  # the server has begun a new file
            self._offset = 0
        begin = max(self._offset, size - MOST)
        if size > begin:
            try:
                with self._file.open("rb") as file:
                    file.seek(begin)
                    data = file.read(size - begin)
            except OSError:
                return self._last
            whole = data.rpartition(b"\n")[0]
            self._offset = begin + len(whole) + 1 if whole else begin
            for line in whole.decode(errors="replace").splitlines():
                self._note(line)
        return self._last

    def _note(self, line: str) -> None:
        found = _LINE.search(line)
        if found is None:
            return
        why = found["why"]
        if "authentication error" in why:
            why = "authentication error: it lets in no user of this certificate"
        host = found["host"].strip("[]")
        self._last.pop(host, None)
        self._last[host] = (_epoch(found["at"]), _PEER.sub("", why))
        if len(self._last) > KEPT:
            del self._last[next(iter(self._last))]

    def _size(self) -> int:
        try:
            return self._file.stat().st_size
        except OSError:
            return 0


def _epoch(text: str) -> float:
    """The log is written in local time."""
    form = "%Y/%m/%d %H:%M:%S.%f" if "." in text else "%Y/%m/%d %H:%M:%S"
    return datetime.strptime(text, form).timestamp()
