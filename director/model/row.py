"""The base of all rows that the store keeps."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct


class Row(Struct, frozen=True, kw_only=True):
    """Base of all rows. ``OF``: the row that this is a part of, for reading only (`director.model.briefs`);
    ``WITHOUT``: paths to what is large in that row and not read, so that the store may keep what is left a second time. Another list needs a
    migration that sets the column ``brief`` to NULL."""

    TABLE: ClassVar[str] = ""
    INDEXED: ClassVar[tuple[str, ...]] = ()
    OF: ClassVar[type[Row] | None] = None
    WITHOUT: ClassVar[tuple[str, ...]] = ()

    @property
    def key(self) -> str:
        raise NotImplementedError
