"""The demo's director: its certificates and its director.yml."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lab.demo.command import API_PORT as API_PORT
from lab.demo.record import Record
from lab.house import Lab

if TYPE_CHECKING:
    from director.adapters.bus.ca import BusFiles

BLOB_PORT = 25250
BUS_PORT = 4222


def _certify_bus(directory: Path, lab: Lab) -> BusFiles:
    # the director's own tools make its certificates; they are loaded only when a demo runs
    from director.adapters.bus import ca

    return ca.create(directory, [lab.address])


def _certify_api(api: Path, lab: Lab) -> None:
    from director.adapters.authority import Authority, write_private

    if (api / "server.pem").exists():
        return
    api.mkdir(parents=True, exist_ok=True)
    authority, pair = Authority.create("meristem-demo-ca")
    write_private(api / "ca.pem", pair.certificate, mode=0o644)
    server = authority.issue("demo.meristem", hosts=[lab.address, "127.0.0.1", "localhost"], server=True)
    write_private(api / "server.key", server.private_key)
    write_private(api / "server.pem", server.certificate, mode=0o644)


def write_site(record: Record, lab: Lab) -> Path:
    """Make what is missing; the director.yml's path."""
    from director.adapters.authority import write_private

    certificates = record.directory / "certificates"
    api = certificates / "api"
    with ThreadPoolExecutor(max_workers=2) as pool:  # what takes time is making keys, outside the interpreter's lock
        of_api = pool.submit(_certify_api, api, lab)
        files = pool.submit(_certify_bus, certificates / "bus", lab).result()
        of_api.result()
    password = record.directory / "password"
    if not password.exists():
        write_private(password, secrets.token_urlsafe(16))
    document: dict[str, Any] = {
        "name": "demo",
        "port": 25556,
        "dir": str(record.state),
        "mbus": f"nats://{lab.address}:{BUS_PORT}",
        "nats": files.director_settings(),
        "runtime": {"ip": lab.address, "instance": "demo"},
        "db": {"adapter": "sqlite", "database": str(record.state / "director.db")},
        "blobstore": {"provider": "local", "options": {"blobstore_path": str(record.state / "blobs")}},
        "user_management": {
            "provider": "local",
            "local": {"users": [{"name": "admin", "password": password.read_text().strip()}]},
        },
        "agent": {"agent_wait_timeout": 120},
        "meristem": {
            "api": {
                "address": lab.address,
                "port": API_PORT,
                "certificate": str(api / "server.pem"),
                "private_key": str(api / "server.key"),
            },
            "blobs": {"address": lab.address, "port": BLOB_PORT},
            "nats": {"managed": True},
            "cpi": {
                "type": "libvirt",
                "properties": {
                    "uri": lab.libvirt_uri,
                    "state_dir": str(record.directory / "vms"),
                    "network": lab.record.network,
                    "name_prefix": lab.record.name,
                },
            },
        },
    }
    record.state.mkdir(parents=True, exist_ok=True)
    lab.keep_disks(record.directory / "vms")
    path = record.directory / "director.yml"
    write_private(path, yaml.safe_dump(document, sort_keys=False))
    return path
