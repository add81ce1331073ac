"""A container's own ``/etc/hosts`` and ``/etc/resolv.conf``: names resolve without asking anybody where they can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path


def write_names(
    directory: Path, hostname: str, address: str, hosts: Mapping[str, str], nameservers: Sequence[str]
) -> None:
    """Both files in `directory`."""
    directory.mkdir()
    lines = ["127.0.0.1 localhost", f"{address} {hostname}", *(f"{where} {name}" for name, where in hosts.items())]
    (directory / "hosts").write_text("\n".join(lines) + "\n")
    servers = nameservers or machine_nameservers(Path("/etc/resolv.conf"))
    text = "".join(f"nameserver {server}\n" for server in servers)
    (directory / "resolv.conf").write_text(text + "options timeout:2 attempts:2\n")
    for name in ("hosts", "resolv.conf"):
        (directory / name).chmod(0o644)


def machine_nameservers(file: Path) -> list[str]:
    """Those of the machine that a container can reach: not on its loopback, and IPv4."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return []
    found = [line.split()[1] for line in lines if line.startswith("nameserver ") and len(line.split()) > 1]
    return [one for one in found if _reachable(one)]


def _reachable(server: str) -> bool:
    try:
        address = ip_address(server)
    except ValueError:
        return False
    return address.version == 4 and not address.is_loopback
