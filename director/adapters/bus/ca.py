"""A bus CA with the certificates of server, director and monitor: for set-up code, the demo and tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from director.adapters.authority import Authority, Pair, write_private
from director.adapters.bus import names


@dataclass(frozen=True)
class BusFiles:
    """PEM files in one directory; the names are those that director.yml's ``nats`` keys usually point to."""

    directory: Path

    @property
    def ca(self) -> Path:
        return self.directory / "nats_ca.pem"

    @property
    def ca_key(self) -> Path:
        return self.directory / "nats_ca.key"

    def certificate(self, who: str) -> Path:
        """Of ``server``, ``director`` or ``hm``."""
        return self.directory / f"nats_{who}.pem"

    def key(self, who: str) -> Path:
        return self.directory / f"nats_{who}.key"

    def director_settings(self) -> dict[str, str]:
        """The ``nats`` section of a director.yml that uses these files (the monitor's two keys are ours)."""
        return {
            "server_ca_path": str(self.ca),
            "client_ca_certificate_path": str(self.ca),
            "client_ca_private_key_path": str(self.ca_key),
            "client_certificate_path": str(self.certificate("director")),
            "client_private_key_path": str(self.key("director")),
            "monitor_certificate_path": str(self.certificate("hm")),
            "monitor_private_key_path": str(self.key("hm")),
        }


def create(directory: Path, hosts: Sequence[str]) -> BusFiles:
    """Make what is missing in ``directory``; ``hosts`` are the names and addresses by which agents reach the server."""
    files = BusFiles(directory)
    directory.mkdir(parents=True, exist_ok=True)
    if files.ca.exists() and files.ca_key.exists():
        authority = Authority.load(files.ca, files.ca_key)
    else:
        authority, pair = Authority.create("meristem-bus-ca")
        _write(files.ca, files.ca_key, pair)
    holders = {"server": names.SERVER, "director": names.DIRECTOR, "hm": names.MONITOR}
    for who, common_name in holders.items():
        if files.certificate(who).exists() and files.key(who).exists():
            continue
        server = who == "server"
        pair = authority.issue(common_name, hosts=[names.SERVER, *hosts] if server else [], server=server)
        _write(files.certificate(who), files.key(who), pair)
    return files


def _write(certificate: Path, key: Path, pair: Pair) -> None:
    write_private(key, pair.private_key)
    write_private(certificate, pair.certificate, mode=0o644)
