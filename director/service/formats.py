"""Errors of the format readers as the director's: same code, message, place and remedy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from director.model.errors import BadRequest, Place
from meristem.formats.errors import FormatError

T = TypeVar("T")


def refused(error: FormatError) -> BadRequest:
    """The director's form of a format error."""
    return BadRequest(error.message, code=error.code, place=Place(error.place), remedy=error.remedy)


async def read_in_thread(function: Callable[[], T]) -> T:
    """Call a format reader off the event loop."""
    try:
        return await asyncio.to_thread(function)
    except FormatError as error:
        raise refused(error) from None
