"""The port through which settings arrive."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Protocol

from agent.errors import SettingsError
from agent.shapes import Json, as_object


class Source(Protocol):
    """One place that may hold the settings."""

    @property
    def place(self) -> str:
        """For messages: what was looked at."""
        ...

    def read(self) -> Json:
        """The settings; SettingsError if they are not there or not readable."""
        ...


def decode(raw: bytes, place: str) -> Json:
    """Settings from raw JSON or base64 of it."""
    text = raw.strip().rstrip(b"\0")
    if not text.startswith(b"{"):
        try:
            text = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise SettingsError(f"{place}: expected JSON or base64 of JSON") from None
    try:
        return as_object(json.loads(text), place)
    except ValueError as error:
        raise SettingsError(f"{place}: not valid JSON ({error})") from None
