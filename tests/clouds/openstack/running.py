"""The OpenStack lab for as long as tests need it: found running, or brought up and taken down again."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from lab.openstack import house, places
from lab.openstack.stack import Stack


@contextmanager
def openstack() -> Generator[Stack]:
    directory = places.state()
    known = Stack.load(directory)
    ran = known is not None and bool(known.processes())
    yield house.up(directory)
    if not ran:
        house.down(directory)
