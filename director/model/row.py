"""The base of all rows that the store keeps."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct


class Row(Struct, frozen=True, kw_only=True):
    """Base of all rows."""

    TABLE: ClassVar[str] = ""
    INDEXED: ClassVar[tuple[str, ...]] = ()

    @property
    def key(self) -> str:
        raise NotImplementedError
