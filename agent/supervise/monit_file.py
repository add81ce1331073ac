"""What the agent needs to know of a monit file: the processes, their pid files and programs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_PROCESS = re.compile(r"^\s*check\s+process\s+(\"[^\"]+\"|\S+)", re.IGNORECASE | re.MULTILINE)
_ANY_CHECK = re.compile(r"^\s*check\s+\w+\s", re.IGNORECASE | re.MULTILINE)
_NAMED_CHECK = re.compile(r"\s*check\s+\w+\s+(\"[^\"]+\"|\S+)", re.IGNORECASE)
_PIDFILE = re.compile(r"(?:with\s+)?pidfile\s+(\"[^\"]+\"|\S+)", re.IGNORECASE)
_PROGRAM = r"\b{0}\s+(?:program\s*)?(?:=\s*)?(?:\"([^\"]+)\"|'([^']+)')"
_START = re.compile(_PROGRAM.format("start"), re.IGNORECASE)
_STOP = re.compile(_PROGRAM.format("stop"), re.IGNORECASE)
_COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)


@dataclass(frozen=True)
class CheckedProcess:
    """One ``check process`` entry; programs are shell-like words, empty if absent."""

    name: str
    pidfile: Path | None
    start: str
    stop: str

    @property
    def pid(self) -> int | None:
        """The pid in the pid file if that process lives, else None."""
        try:
            pid = int(self.pidfile.read_text().split()[0]) if self.pidfile else 0
            stat = Path("/proc", str(pid), "stat").read_text() if pid else ""
        except (OSError, ValueError, IndexError):
            return None
        state = stat.rpartition(")")[2].split()
        return pid if state and state[0] not in ("Z", "X") else None


def processes(text: str) -> list[CheckedProcess]:
    """The processes of a monit file, in its order."""
    text = _COMMENT.sub("", text)
    starts = [match.start() for match in _ANY_CHECK.finditer(text)] + [len(text)]
    found: list[CheckedProcess] = []
    for begin, end in zip(starts, starts[1:]):
        block = text[begin:end]
        head = _PROCESS.match(block)
        if head is None:
            continue
        pidfile = _PIDFILE.search(block)
        path = Path(pidfile[1].strip('"')) if pidfile else None
        found.append(CheckedProcess(head[1].strip('"'), path, _program(_START, block), _program(_STOP, block)))
    return found


def members(text: str, group: str) -> set[str]:
    """Names of the checks of any kind that belong to ``group``."""
    text = _COMMENT.sub("", text)
    starts = [match.start() for match in _ANY_CHECK.finditer(text)] + [len(text)]
    blocks = [text[begin:end] for begin, end in zip(starts, starts[1:])]
    wanted = re.compile(rf"\bgroup\s+\"?{re.escape(group)}\b", re.IGNORECASE)
    return {
        head[1].strip('"')
        for block in blocks
        if (head := _NAMED_CHECK.match(block)) is not None and wanted.search(block)
    }


def _program(pattern: re.Pattern[str], block: str) -> str:
    match = pattern.search(block)
    return (match[1] or match[2]) if match else ""
