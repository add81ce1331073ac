"""The port to the operating system."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from agent.settings.model import Settings
from agent.shapes import Json


class Platform(Protocol):
    """Two adapters: ``linux`` (a VM) and ``plain`` (no accounts, no network, no power)."""

    def own(self, path: Path, mode: int, group: str = "vcap") -> None:
        """Give ``path`` to root and ``group`` with ``mode``."""
        ...

    def ensure_accounts(self, settings: Settings) -> None:
        """The vcap user, its groups, password and keys."""
        ...

    def set_host_name(self, name: str) -> None: ...

    def configure_networks(self, settings: Settings) -> None: ...

    def dynamic_address(self, network: Json) -> Json:
        """``ip``, ``netmask`` and ``gateway`` that a network got by itself; {} if unknown."""
        ...

    def add_ssh_user(self, name: str, public_key: str, homes: Path) -> None: ...

    def remove_ssh_users(self, pattern: str, homes: Path) -> None:
        """Remove the users whose name matches; only such as begin with ``bosh_``."""
        ...

    def host_public_key(self) -> str: ...

    def forget_neighbours(self, addresses: list[str]) -> None:
        """Drop entries of the ARP cache."""
        ...

    def set_time_servers(self, servers: list[str]) -> None: ...

    def mount_memory(self, folder: Path, size: str) -> None:
        """Mount a file system in memory; ``size`` as tmpfs takes it, e.g. 100m."""
        ...

    def power_off(self) -> None: ...
