"""Rows of variables, opened and made: the newest of a name, a version by id, new ones not yet committed."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from director.adapters.secrets.seal import Sealer
from director.model.deployment import Document
from director.model.rows import VariableRow
from director.ports.store import Store

_KEPT = 10_000


class Vault:
    """Values never change once a row is made, so opened ones are kept in memory by id."""

    def __init__(self, store: Store, sealer: Sealer, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._sealer = sealer
        self._now = now
        self._opened: dict[str, Document] = {}

    async def newest(self, names: Collection[str]) -> dict[str, VariableRow]:
        """The newest row of each name that has one."""
        out: dict[str, VariableRow] = {}
        if names:
            for row in await self._store.find(VariableRow, name=sorted(names)):
                held = out.get(row.name)
                if held is None or (row.created_at, row.id) > (held.created_at, held.id):
                    out[row.name] = row
        return out

    async def by_pins(self, pins: Mapping[str, str], extra: Iterable[VariableRow] = ()) -> dict[str, VariableRow]:
        """The pinned row of each name; ``extra`` are rows that the store does not have yet."""
        made = {row.id: row for row in extra}
        out: dict[str, VariableRow] = {}
        for name, key in pins.items():
            row = made.get(key) or await self._store.get(VariableRow, key)
            if row is not None:
                out[name] = row
        return out

    def value(self, row: VariableRow) -> Any:
        return self._open(row)["value"]

    def made_from(self, row: VariableRow) -> Document | None:
        """Type, options and authority that the value was generated with; None for a value that was set."""
        return self._open(row).get("made_from")

    def new(self, name: str, kind: str, value: Any, made_from: Document | None = None) -> VariableRow:
        """A row with a new id, not committed."""
        key = str(uuid.uuid4())
        held: Document = {"value": value} if made_from is None else {"value": value, "made_from": made_from}
        return VariableRow(
            id=key,
            name=name,
            type=kind,
            sealed=self._sealer.seal(held, f"{key} {name}"),
            created_at=self._now(),
            digest=self._sealer.digest(value),
        )

    def digest(self, value: Any) -> str:
        return self._sealer.digest(value)

    def sign(self, purpose: str, text: bytes) -> str:
        return self._sealer.sign(purpose, text)

    def _open(self, row: VariableRow) -> Document:
        held = self._opened.get(row.id)
        if held is None:
            held = self._sealer.open(row.sealed, f"{row.id} {row.name}")
            if len(self._opened) >= _KEPT:
                self._opened.clear()
            self._opened[row.id] = held
        return held
