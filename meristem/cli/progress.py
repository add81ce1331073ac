"""How a running task is shown: the public CLI's event lines; on a terminal a live line per running item instead."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

from meristem.cli.screen import Screen
from meristem.cli.task_events import TaskEvent, clock, duration, full_time, parse

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text


class Progress:
    """Takes event output piece by piece; use as a context manager."""

    def __init__(self, screen: Screen, task: int) -> None:
        self._screen = screen
        self._task = task
        self._rest = ""
        self._started: dict[tuple[str, tuple[str, ...], str], TaskEvent] = {}
        self._status: dict[tuple[str, tuple[str, ...], str], str] = {}
        self._began: dict[tuple[str, tuple[str, ...], str], float] = {}
        self._first: TaskEvent | None = None
        self._last: TaskEvent | None = None
        self._live: Live | None = None

    def __enter__(self) -> Progress:
        self._screen.line(f"Task {self._task}")
        if self._screen.in_color:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(
                console=Console(highlight=False), refresh_per_second=8, transient=True, get_renderable=self._running
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def feed(self, chunk: str) -> None:
        """More output, cut anywhere."""
        *lines, self._rest = (self._rest + chunk).split("\n")
        for line in lines:
            event = parse(line) if line.strip() else None
            if event is not None:
                self._show(event)

    def finish(self, state: str) -> None:
        """The closing lines, once the task has ended."""
        if self._first is not None and self._last is not None:
            self._screen.block(
                f"\n\nTask {self._task} Started  {full_time(self._first.time)}\n"
                f"Task {self._task} Finished {full_time(self._last.time)}\n"
                f"Task {self._task} Duration {duration(self._last.time - self._first.time)}\n"
            )
        color = "green" if state == "done" else "red"
        self._screen.line(self._screen.paint(f"Task {self._task} {state}", color) + "\n")

    def _show(self, event: TaskEvent) -> None:
        follows = self._last is not None and self._last.key == event.key
        self._first = self._first or event
        self._last = event
        key = event.key
        if event.kind in ("deprecation", "warning"):
            self._print(event, f"{event.kind.capitalize()}: {event.message}", "yellow")
        elif event.kind == "failure":
            self._print(event, f"Error: {event.failure}", "red")
        elif event.state == "started":
            self._started[key] = event
            self._began[key] = time.monotonic()
            if self._live is None:
                self._print(event, f"{event.title}: {event.task}")
        elif event.state == "in_progress":
            self._status[key] = event.status
            if event.status and self._live is None:
                self._print(event, f"L {event.status}: {event.task}")
        elif event.state in ("finished", "failed"):
            self._end(event, follows=follows)

    def _end(self, event: TaskEvent, *, follows: bool) -> None:
        begun = self._started.pop(event.key, None)
        self._status.pop(event.key, None)
        self._began.pop(event.key, None)
        took = f"({duration(event.time - begun.time)})" if begun else ""
        failed = event.state == "failed"
        if follows and self._live is None:
            # Nothing came between start and end: the duration completes the line.
            self._screen.block(f" {took}")
        else:
            self._print(event, f"{event.title}: {event.task} {took}".rstrip(), "red" if failed else None)
        if failed:
            self._print(event, f"L Error: {event.failure}", "red")

    def _print(self, event: TaskEvent, text: str, color: str | None = None) -> None:
        line = f"Task {self._task} | {clock(event.time)} | {text}"
        if self._live is not None:
            from rich.text import Text

            self._live.console.print(Text(line, style=color or ""), soft_wrap=True)
        else:
            self._screen.block("\n" + line)

    def _running(self) -> Text:
        from rich.text import Text

        now = time.monotonic()
        out = Text()
        for key, event in list(self._started.items())[:12]:
            spent = duration(now - self._began.get(key, now))
            status = self._status.get(key, "")
            out.append(f"  {spent}  ", style="bright_black")
            out.append(f"{event.title}: {event.task}", style="cyan")
            out.append(f"  {status}\n" if status else "\n", style="bright_black")
        return out
