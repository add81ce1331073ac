"""The platform of a trial without root: keeps books in the base folder, touches nothing of the machine."""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
from pathlib import Path

from agent import durable
from agent.layout import Layout
from agent.settings.model import Settings
from agent.shapes import Json

log = logging.getLogger(__name__)


class Plain:
    """No users, no network. Everything else is done for real below the base folder."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def own(self, path: Path, mode: int, group: str = "vcap") -> None:
        os.chmod(path, mode)

    def ensure_accounts(self, settings: Settings) -> None:
        log.info("platform plain: no accounts are made")

    def set_host_name(self, name: str) -> None:
        durable.write_text(self._layout.etc / "hostname", name + "\n")

    def configure_networks(self, settings: Settings) -> None:
        text = "".join(f"nameserver {server}\n" for server in settings.nameservers)
        durable.write_text(self._layout.etc / "resolv.conf", text)

    def dynamic_address(self, network: Json) -> Json:
        return {"ip": "127.0.0.1", "netmask": "255.0.0.0", "gateway": "127.0.0.1"}

    def add_ssh_user(self, name: str, public_key: str, homes: Path) -> None:
        durable.write_text(homes / name / ".ssh" / "authorized_keys", public_key.strip() + "\n", mode=0o600)

    def remove_ssh_users(self, pattern: str, homes: Path) -> None:
        for home in homes.iterdir() if homes.is_dir() else ():
            if home.name.startswith("bosh_") and re.search(pattern, home.name):
                shutil.rmtree(home)

    def host_public_key(self) -> str:
        return ""

    def forget_neighbours(self, addresses: list[str]) -> None:
        log.info("platform plain: the neighbour cache is left alone")

    def set_time_servers(self, servers: list[str]) -> None:
        durable.write_text(self._layout.bosh_etc / "ntpserver", " ".join(servers) + "\n")

    def mount_memory(self, folder: Path, size: str) -> None:
        log.info("platform plain: %s stays on disk", folder)

    def power_off(self) -> None:
        # The nearest thing to a VM that goes away.
        os.kill(os.getpid(), signal.SIGTERM)
