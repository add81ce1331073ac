"""One lab for several processes at a time: found running, or brought up by the first of them and taken down by the last.

What a process that was killed left running is taken down by whoever is last later, or by `leave`."""

from __future__ import annotations

import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lab.openstack import house, places
from lab.openstack.stack import Say, Stack

MARK = "shared"
"""A file in the directory of a lab that goes with its last user."""


@contextmanager
def shared(directory: Path | None = None, say: Say = print) -> Generator[Stack]:
    """The lab, for as long as the `with` lasts."""
    place = directory or places.state()
    place.parent.mkdir(parents=True, exist_ok=True)
    with _file(place, "users").open("a") as users:
        with _one_at_a_time(place):
            stack = Stack.load(place)
            ran = stack is not None and bool(stack.processes())
            fcntl.flock(users, fcntl.LOCK_SH)
            stack = house.up(place, say=say)
            if not ran:
                (place / MARK).touch()
        try:
            yield stack
        finally:
            with _one_at_a_time(place):
                _down_if_last(place, users, say)


def keep(directory: Path) -> None:
    """It does not go with its users any more: somebody else wants it."""
    (directory / MARK).unlink(missing_ok=True)


def leave(directory: Path | None = None, say: Say = print) -> bool:
    """Take down a shared lab that has no users any more; whether there was one."""
    place = directory or places.state()
    if not (place / MARK).exists():
        return False
    with _file(place, "users").open("a") as users, _one_at_a_time(place):
        return _down_if_last(place, users, say)


def _down_if_last(place: Path, users: IO[str], say: Say) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    if not (place / MARK).exists():
        return False
    house.down(place, say)
    return True


@contextmanager
def _one_at_a_time(place: Path) -> Generator[None]:
    with _file(place, "door").open("a") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        yield


def _file(place: Path, name: str) -> Path:
    return place.with_name(f"{place.name}.{name}")
