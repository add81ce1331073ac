"""The blob listener's CA and certificate: made once, kept in a directory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from director.adapters.authority import Authority, write_private


@dataclass(frozen=True)
class ListenerFiles:
    """PEM files in one directory."""

    directory: Path
    server: str = "blobs_server"

    @property
    def ca(self) -> Path:
        return self.directory / "blobs_ca.pem"

    @property
    def ca_key(self) -> Path:
        return self.directory / "blobs_ca.key"

    @property
    def certificate(self) -> Path:
        return self.directory / f"{self.server}.pem"

    @property
    def key(self) -> Path:
        return self.directory / f"{self.server}.key"


def create(directory: Path, hosts: Sequence[str], *, server: str = "blobs_server") -> ListenerFiles:
    """Make what is missing; ``hosts`` are the names and addresses by which agents reach the listener. Listeners of one CA differ by
    ``server``."""
    files = ListenerFiles(directory, server)
    directory.mkdir(parents=True, exist_ok=True)
    if not (files.ca.exists() and files.ca_key.exists()):
        _, pair = Authority.create("meristem-blobs-ca")
        write_private(files.ca_key, pair.private_key)
        write_private(files.ca, pair.certificate, mode=0o644)
    if not (files.certificate.exists() and files.key.exists()):
        pair = Authority.load(files.ca, files.ca_key).issue("blobs.meristem", hosts=hosts, server=True, days=3650)
        write_private(files.key, pair.private_key)
        write_private(files.certificate, pair.certificate, mode=0o644)
    return files
