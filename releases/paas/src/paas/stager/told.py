"""Lines of a staging to the app's log, source STG."""

from __future__ import annotations

import time
from typing import Literal

from paas.bus.client import Bus
from paas.containers.client import Process
from paas.containers.protocol import Line
from paas.messages.log import LogLine, LogLines

SOURCE = "STG"
LONGEST = 32 << 10
MOST_BATCH = 256 << 10
"""Letters in one message; the bus takes a megabyte, and a letter may be four bytes."""
RATE = 1 << 20
"""Bytes a second of output that are told."""


class StagingLog:
    """The log of one staging of `app`."""

    def __init__(self, bus: Bus, app: str) -> None:
        self._bus = bus
        self._app = app

    async def say(self, text: str, stream: Literal["OUT", "ERR"] = "OUT") -> None:
        """A line of the stager's own."""
        await self._tell([LogLine(at=time.time_ns(), text=text, stream=stream)])

    async def relay(self, process: Process) -> None:
        """All that a process says, until it has ended."""
        async for batch in process.output(rate=RATE):
            if batch.passed_over:
                await self.say(f"({batch.passed_over} bytes of output were too many at once and are left out)", "ERR")
            await self._send(batch.lines)

    async def _send(self, lines: list[Line]) -> None:
        told: list[LogLine] = []
        size = 0
        for line in lines:
            text = line.text[:LONGEST]
            if told and size + len(text) > MOST_BATCH:
                await self._tell(told)
                told, size = [], 0
            told.append(LogLine(at=line.at, text=text, stream=line.stream))
            size += len(text)
        if told:
            await self._tell(told)

    async def _tell(self, lines: list[LogLine]) -> None:
        await self._bus.publish(f"log.{self._app}", LogLines(app=self._app, source=SOURCE, lines=lines))
