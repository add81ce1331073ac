"""What the agent says on the VM's console."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from agent.console import MOST, ConsoleHandler


def record(text: str, level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord("agent.bus", level, "", 0, text, None, None)


def test_lines_reach_the_console_and_a_full_one_is_not_waited_for() -> None:
    ours, theirs = os.openpty()
    try:
        handler = ConsoleHandler(logging.WARNING, os.ttyname(theirs))
        handler.handle(record("no connection to the bus"))
        assert os.read(ours, 1000) == b"no connection to the bus\r\r\n"
        handler.handle(record("x" * 4000))
        for _ in range(3 * MOST):
            handler.handle(record("x" * 4000))  # would hang here
    finally:
        os.close(ours)
        os.close(theirs)


def test_it_is_silent_after_so_many_lines(tmp_path: Path) -> None:
    place = tmp_path / "console"
    place.touch()
    handler = ConsoleHandler(logging.WARNING, str(place))
    logger = logging.Logger("agent")
    logger.addHandler(handler)
    logger.info("nobody needs this")
    place.unlink()
    logger.warning("there is no console: no error")
    place.touch()
    for number in range(2 * MOST):
        place.write_text("")
        logger.warning("line %d", number)
    assert place.read_text() == ""
