"""The port to disks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol


class Disks(Protocol):
    """Two adapters: ``linux`` (real devices) and ``plain`` (books only). Failures raise AgentError; all repeatable."""

    def attach(self, cid: str, hint: Any) -> None:
        """Remember where the cloud says the disk is."""
        ...

    def detach(self, cid: str) -> None:
        """Forget the disk."""
        ...

    def mount(self, cid: str) -> None:
        """Partition and format what is empty, and mount: at store, or at the migration target if store is taken."""
        ...

    def unmount(self, cid: str) -> str:
        """Unmount; a sentence that tells what was done."""
        ...

    def migrate(self, copied: bool, note_copied: Callable[[], None]) -> None:
        """Copy store to the migration target and mount that one in its place.

        ``note_copied`` is called when the copy is complete, ``copied`` tells that an earlier run did so.
        """
        ...

    def mounted(self) -> list[str]:
        """CIDs of the mounted disks."""
        ...

    def remount(self) -> None:
        """Mount again what was mounted before the VM restarted."""
        ...

    def locate(self, hint: Any) -> Path:
        """The device that a hint means."""
        ...

    def prepare_ephemeral(self) -> None:
        """Format (if empty) and mount the ephemeral disk at data."""
        ...
