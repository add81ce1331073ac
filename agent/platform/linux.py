"""The platform of a real VM or container."""

from __future__ import annotations

import logging
import os
import shutil
import socket
from pathlib import Path

from agent import durable
from agent.layout import Layout
from agent.platform import accounts
from agent.platform import network as net
from agent.process.command import available, command
from agent.settings.model import Settings
from agent.shapes import Json

log = logging.getLogger(__name__)

_HOST_KEYS = ("ssh_host_rsa_key.pub", "ssh_host_ecdsa_key.pub", "ssh_host_ed25519_key.pub")


class Linux:
    """Needs root."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def own(self, path: Path, mode: int, group: str = "vcap") -> None:
        shutil.chown(path, "root", group)
        os.chmod(path, mode)

    def ensure_accounts(self, settings: Settings) -> None:
        accounts.ensure_vcap(settings)

    def set_host_name(self, name: str) -> None:
        socket.sethostname(name)
        durable.write_text(self._layout.etc / "hostname", name + "\n")

    def configure_networks(self, settings: Settings) -> None:
        net.configure(settings)
        net.write_resolver(self._layout.etc / "resolv.conf", settings.nameservers)

    def dynamic_address(self, network: Json) -> Json:
        return net.present_address(network)

    def add_ssh_user(self, name: str, public_key: str, homes: Path) -> None:
        accounts.add_ssh_user(name, public_key, homes)

    def remove_ssh_users(self, pattern: str, homes: Path) -> None:
        accounts.remove_ssh_users(pattern, homes)

    def host_public_key(self) -> str:
        for name in _HOST_KEYS:
            path = self._layout.etc / "ssh" / name
            if path.exists():
                return path.read_text().strip()
        return ""

    def forget_neighbours(self, addresses: list[str]) -> None:
        for address in addresses:
            command(["ip", "neigh", "flush", "to", address], check=False)

    def set_time_servers(self, servers: list[str]) -> None:
        if not servers:
            return
        durable.write_text(self._layout.bosh_etc / "ntpserver", " ".join(servers) + "\n")
        if (self._layout.etc / "chrony" / "sources.d").is_dir():
            lines = "".join(f"server {server} iburst\n" for server in servers)
            durable.write_text(self._layout.etc / "chrony" / "sources.d" / "meristem.sources", lines)
            command(["chronyc", "reload", "sources"], check=False)
        elif (self._layout.root / "lib/systemd/systemd-timesyncd").exists():
            text = f"[Time]\nNTP={' '.join(servers)}\n"
            durable.write_text(self._layout.etc / "systemd/timesyncd.conf.d/meristem.conf", text)

    def mount_memory(self, folder: Path, size: str) -> None:
        command(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755,nosuid,nodev", "tmpfs", folder])

    def power_off(self) -> None:
        program = ["systemctl", "poweroff"] if available("systemctl") else ["poweroff"]
        command(program, check=False)
