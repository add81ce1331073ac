"""Following a task to its end: streamed where the director can, else polled every 500 ms as the API's contract has it."""

from __future__ import annotations

import codecs
import time
from collections.abc import Callable

from meristem.cli.director import Director
from meristem.cli.failure import CliError, Detached
from meristem.cli.progress import Progress
from meristem.cli.session import Session
from meristem.formats.values import Hash, is_hash, text_or_none

_UNFINISHED = ("queued", "processing", "cancelling")
_POLL_SECONDS = 0.5


def follow(session: Session, task: int) -> Hash:
    """Shows the events until the task ends and returns the task; anything but `done` is an error. Ctrl-C detaches."""
    director = session.director()
    try:
        with Progress(session.screen, task) as progress:
            ended = _watch(director, task, "event", progress.feed, stream=True)
        state = _state(ended)
        progress.finish(state)
    except KeyboardInterrupt:
        raise Detached(task) from None
    return _done(ended, task, state)


def follow_quietly(session: Session, task: int) -> str:
    """Waits for the end without showing events; returns the `result` output. For listings."""
    director = session.director()
    session.screen.line(f"Task {task}")
    try:
        ended = _watch(director, task, "event", lambda _chunk: None, stream=True)
    except KeyboardInterrupt:
        raise Detached(task) from None
    session.screen.line(f"Task {task} {_state(ended)}\n")
    _done(ended, task, _state(ended))
    return result(director, task)


def stream_plain(session: Session, task: int, kind: str) -> None:
    """Shows raw output of a kind (debug, cpi, event, result) until the task ends."""
    try:
        _watch(session.director(), task, kind, session.screen.block, stream=False)
    except KeyboardInterrupt:
        raise Detached(task) from None


def result(director: Director, task: int) -> str:
    """The whole `result` output."""
    return director.output(task, "result", 0).decode("utf-8", "replace")


def _watch(director: Director, task: int, kind: str, take: Callable[[str], None], *, stream: bool) -> Hash:
    offset = 0
    decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def take_bytes(chunk: bytes) -> None:
        nonlocal offset
        offset += len(chunk)
        take(decoder.decode(chunk))

    while True:
        record = director.get(f"/tasks/{task}")
        if not is_hash(record):
            raise CliError(f"The director's record of task {task} is not an object.")
        unfinished = _state(record) in _UNFINISHED
        if unfinished and stream:
            before = offset
            stream = director.follow(task, offset, take_bytes)
            if stream and offset > before:
                continue
        chunk = director.output(task, kind, offset)
        if chunk:
            take_bytes(chunk)
        if not unfinished:
            return record
        time.sleep(_POLL_SECONDS)


def _state(record: Hash) -> str:
    return text_or_none(record.get("state")) or ""


def _done(record: Hash, task: int, state: str) -> Hash:
    if state != "done":
        told = text_or_none(record.get("result")) or ""
        raise CliError(
            f"Expected task '{task}' to succeed but state is '{state}'" + (f": {told}" if told else ""),
            f"Details: meristem task {task} --debug",
        )
    return record
