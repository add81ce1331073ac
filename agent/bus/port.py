"""The port to whoever sends requests."""

from __future__ import annotations

from typing import Protocol


class Bus(Protocol):
    """Two adapters: a connection to NATS, and an HTTPS server for VMs that have no director."""

    @property
    def connected(self) -> bool:
        """True if there is somebody to send to."""
        ...

    async def publish(self, subject: str, payload: bytes) -> bool:
        """True if it was taken."""
        ...

    async def run(self) -> None:
        """Until cancelled."""
        ...
