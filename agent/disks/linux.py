"""Disks of a real VM or container."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.disks import device, filesystem
from agent.disks.books import MIGRATION_TARGET, STORE, DiskBooks
from agent.errors import AgentError
from agent.layout import Layout
from agent.process.command import command
from agent.settings.model import Settings
from agent.shapes import array_or_empty

log = logging.getLogger(__name__)

_REMOUNT_TIMEOUT = 5.0


class LinuxDisks:
    """Needs root."""

    def __init__(self, layout: Layout, settings: Settings) -> None:
        self._layout = layout
        self._settings = settings
        self._books = DiskBooks(layout, settings.disks.get("persistent") or {})

    def attach(self, cid: str, hint: Any) -> None:
        self._books.add(cid, hint)

    def detach(self, cid: str) -> None:
        self._books.remove(cid)

    def locate(self, hint: Any) -> Path:
        return device.find(device.parse(hint))

    def mount(self, cid: str) -> None:
        name = self._settings.disk_associations.get(cid)
        if name:
            self._associate(cid, name)
            return
        node = self._ready(cid)
        place = self._place(cid, node)
        filesystem.mount(node, self._point(place), self._options())
        self._books.placed(cid, place)

    def unmount(self, cid: str) -> str:
        node = self._node(cid)
        points = [self._point(place) for place in (STORE, MIGRATION_TARGET)]
        done = [point for point in points if filesystem.mounted_at(point) == device.number(node)]
        for point in done:
            filesystem.unmount(point)
        self._books.unplaced(cid)
        return f"Unmounted partition of {cid}" if done else f"Partition of {cid} is not mounted"

    def migrate(self, copied: bool, note_copied: Callable[[], None]) -> None:
        places = {place: cid for cid, place in self._books.places().items()}
        target_cid = places.get(MIGRATION_TARGET)
        if target_cid is None:
            if STORE in places:
                # An earlier run of the same task came to its end.
                return
            raise AgentError("migrate_disk: no disk is mounted; mount the old and then the new one first")
        store, target = self._layout.store, self._layout.store_migration_target
        new = self._node(target_cid)
        if filesystem.mounted_at(store) != device.number(new):
            if not copied:
                if filesystem.mounted_at(store) is None or filesystem.mounted_at(target) != device.number(new):
                    raise AgentError("migrate_disk: both disks must be mounted; mount the old and then the new one")
                command(["mount", "-o", "remount,ro", store])
                command(["cp", "-a", "-T", "--sparse=auto", store, target])
                command(["sync", "-f", target])
                note_copied()
            filesystem.unmount(store)
            filesystem.unmount(target)
            filesystem.mount(new, store, self._options())
        self._books.placed(target_cid, STORE)

    def mounted(self) -> list[str]:
        found: list[str] = []
        for cid, place in self._books.places().items():
            if filesystem.mounted_at(self._point(place)) is not None:
                found.append(cid)
        return found

    def remount(self) -> None:
        for cid, place in sorted(self._books.places().items(), key=lambda item: item[1]):
            try:
                filesystem.mount(self._ready(cid, timeout=_REMOUNT_TIMEOUT), self._point(place), self._options())
            except AgentError as error:
                # The agent must come up all the same: only through it can the director repair the VM.
                log.error("disk %s could not be mounted again at %s: %s", cid, place, error)

    def prepare_ephemeral(self) -> None:
        hint = device.parse(self._settings.disks.get("ephemeral"))
        if not (hint.path or hint.volume_id or hint.unit):
            return
        node = filesystem.partition_of(device.find(hint), allowed=False)
        filesystem.ensure_filesystem(node, "ext4", self._layout.bosh / "ephemeral.formatting")
        filesystem.mount(node, self._layout.data, [])

    def _ready(self, cid: str, timeout: float = device.TIMEOUT) -> Path:
        """The node of a disk, partitioned and with a file system."""
        hint = device.parse(self._books.hint(cid))
        whole = device.find(hint, timeout)
        node = filesystem.partition_of(whole, allowed=hint.partition)
        filesystem.grow_partition(whole, node)
        kind = str(self._settings.env.get("persistent_disk_fs") or "ext4")
        filesystem.ensure_filesystem(node, kind, self._layout.bosh / "formatting" / cid.replace("/", "_"))
        return node

    def _node(self, cid: str) -> Path:
        hint = device.parse(self._books.hint(cid))
        return filesystem.partition_of(device.find(hint), allowed=False)

    def _place(self, cid: str, node: Path) -> str:
        for place in (STORE, MIGRATION_TARGET):
            if filesystem.mounted_at(self._point(place)) == device.number(node):
                return place
        if filesystem.mounted_at(self._layout.store) is None:
            return STORE
        return MIGRATION_TARGET

    def _point(self, place: str) -> Path:
        return self._layout.store if place == STORE else self._layout.store_migration_target

    def _options(self) -> list[str]:
        return [str(option) for option in array_or_empty(self._settings.env.get("persistent_disk_mount_options"))]

    def _associate(self, cid: str, name: str) -> None:
        link = self._layout.instance / "disks" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        target = self.locate(self._books.hint(cid))
        if link.is_symlink() or link.exists():
            link.unlink()
        link.symlink_to(target)
