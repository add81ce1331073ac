"""Disks of a trial without root: the same books, no devices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.disks.books import MIGRATION_TARGET, STORE, DiskBooks
from agent.errors import AgentError
from agent.layout import Layout
from agent.settings.model import Settings


class PlainDisks:
    """store stays a folder; which disk it stands for is recorded."""

    def __init__(self, layout: Layout, settings: Settings) -> None:
        self._layout = layout
        self._books = DiskBooks(layout, settings.disks.get("persistent") or {})

    def attach(self, cid: str, hint: Any) -> None:
        self._books.add(cid, hint)

    def detach(self, cid: str) -> None:
        self._books.remove(cid)

    def locate(self, hint: Any) -> Path:
        return Path(hint if isinstance(hint, str) else str(hint.get("path", "")))

    def mount(self, cid: str) -> None:
        self._books.hint(cid)
        places = self._books.places()
        if cid not in places:
            self._books.placed(cid, MIGRATION_TARGET if STORE in places.values() else STORE)

    def unmount(self, cid: str) -> str:
        self._books.hint(cid)
        known = cid in self._books.places()
        self._books.unplaced(cid)
        return f"Unmounted partition of {cid}" if known else f"Partition of {cid} is not mounted"

    def migrate(self, copied: bool, note_copied: Callable[[], None]) -> None:
        places = {place: cid for cid, place in self._books.places().items()}
        if not places:
            raise AgentError("migrate_disk: no disk is mounted; mount the old and then the new one first")
        if MIGRATION_TARGET in places:
            self._books.placed(places[MIGRATION_TARGET], STORE)

    def mounted(self) -> list[str]:
        return list(self._books.places())

    def remount(self) -> None:
        return

    def prepare_ephemeral(self) -> None:
        return
