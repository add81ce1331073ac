"""What a creation that failed leaves is removed; where that fails too, its error says what is left."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace

from cpi.contract import CpiError
from cpi.openstack.refusals import told


@contextmanager
def undone(what: str, thing: str, remove: Callable[[], object]) -> Generator[None]:
    """Around all that comes after `thing` ("volume ID") was begun; `what` begins the error, as in `told`."""
    try:
        with told(what):
            yield
    except BaseException as error:
        try:
            remove()
        except Exception as second:  # whatever it is, the first error counts
            if isinstance(error, CpiError):
                left = f"{thing} is left: {second}"
                error.facts = replace(error.facts, cleanup="; ".join(filter(None, (error.facts.cleanup, left))))
        raise
