"""Sends an instance's output to the log caches, and what the DEA itself has to say of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from paas.bus.client import Bus
from paas.containers.client import ContainerError, Process
from paas.dea.record import Record
from paas.messages.log import LogLine, LogLines

log = structlog.get_logger("dea")

BUS_SECONDS = 0.2
BACK_SECONDS = 1.0


class Shipping:
    """Lines of all instances; `moved` is called when a cursor has moved."""

    def __init__(self, bus: Bus, rate: int, moved: Callable[[], None]) -> None:
        self._bus = bus
        self._rate = rate
        self._moved = moved

    async def ship(self, record: Record, process: Process) -> None:
        """Send its output from where an earlier agent ended, until the process has ended and all is sent."""
        try:
            async for batch in process.output(record.cursor, self._rate):
                await self._bus_there()
                lines = [LogLine(at=line.at, text=line.text, stream=line.stream) for line in batch.lines]
                if batch.passed_over:
                    lines.insert(
                        0,
                        _line(
                            f"{batch.passed_over} bytes of output were dropped: more than {self._rate} bytes a second",
                            "ERR",
                        ),
                    )
                if lines:
                    await self._send(record, record.source, lines)
                record.cursor = batch.cursor
                self._moved()
        except ContainerError as error:
            log.info("output_ended", instance=record.instance, reason=str(error))
        except Exception:  # the instance serves on without its log
            log.exception("output", instance=record.instance)

    async def _bus_there(self) -> None:
        """Without a bus lines would be dropped; on disk they are kept for a while."""
        away = False
        while True:
            if self._bus.connected:
                if away:
                    # those who hear have to find it again, too
                    await asyncio.sleep(BACK_SECONDS)
                return
            away = True
            await asyncio.sleep(BUS_SECONDS)

    async def say(self, record: Record, text: str) -> None:
        """A line of the DEA's own."""
        await self._send(record, "CELL", [_line(text)])

    async def _send(self, record: Record, source: str, lines: list[LogLine]) -> None:
        message = LogLines(app=record.app, source=source, instance=str(record.index), lines=lines)
        await self._bus.publish(f"log.{record.app}", message)


def _line(text: str, stream: str = "OUT") -> LogLine:
    return LogLine(at=time.time_ns(), text=text, stream="ERR" if stream == "ERR" else "OUT")
