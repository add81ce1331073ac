"""What is deployed: a stemcell, a release of one job without packages, a cloud config and a manifest."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping
from typing import Any

import yaml

STEMCELL, SYSTEM = "bench-stemcell", "bench"
JOB = {
    "name": "server",
    "templates": {"config.erb": "config"},
    "packages": [],
    "properties": {"greeting": {"default": "hello"}},
}
TEMPLATE = b"greeting: <%= p('greeting') %>\nindex: <%= spec.index %>\naddress: <%= spec.ip %>\n"


def stemcell() -> bytes:
    """A tarball whose image is a few bytes."""
    image = _tgz({"root": b"nothing to boot\n"})
    manifest = {
        "name": STEMCELL,
        "version": "1",
        "operating_system": SYSTEM,
        "bosh_protocol": "1",
        "api_version": 3,
        "sha1": _digest(image),
        "stemcell_formats": ["sim"],
        "cloud_properties": {},
    }
    return _tgz({"stemcell.MF": yaml.safe_dump(manifest).encode(), "image": image, "packages.txt": b""})


def release() -> bytes:
    """Release ``bench`` with the job ``server``."""
    job = _tgz({"job.MF": yaml.safe_dump(JOB).encode(), "monit": b"", "templates/config.erb": TEMPLATE})
    row = {"name": "server", "version": "1", "fingerprint": "1", "sha1": _digest(job), "packages": []}
    manifest = {"name": "bench", "version": "1", "commit_hash": "0", "uncommitted_changes": False}
    manifest |= {"jobs": [row], "packages": []}
    return _tgz({"release.MF": yaml.safe_dump(manifest).encode(), "jobs/server.tgz": job})


def cloud_config() -> dict[str, Any]:
    """One AZ and a network of 4,000 addresses."""
    subnet = {"range": "10.64.0.0/20", "gateway": "10.64.0.1", "dns": [], "az": "z1"}
    return {
        "azs": [{"name": "z1"}],
        "vm_types": [{"name": "small"}],
        "networks": [{"name": "default", "subnets": [subnet]}],
        "compilation": {"workers": 1, "az": "z1", "vm_type": "small", "network": "default"},
    }


def manifest(
    groups: Mapping[str, int],
    *,
    width: int,
    watch: int,
    canaries: int = 1,
    greeting: str = "hello",
    serial: bool = False,
) -> dict[str, Any]:
    """Deployment ``bench``; ``watch``: ms until the first look at started jobs; a changed ``greeting`` changes all instances in place."""
    times = f"{watch}-120000"
    return {
        "name": "bench",
        "releases": [{"name": "bench", "version": "latest"}],
        "stemcells": [{"alias": "default", "os": SYSTEM, "version": "latest"}],
        "update": {
            "canaries": canaries,
            "max_in_flight": width,
            "serial": serial,
            "canary_watch_time": times,
            "update_watch_time": times,
        },
        "instance_groups": [
            {
                "name": name,
                "instances": size,
                "azs": ["z1"],
                "vm_type": "small",
                "stemcell": "default",
                "networks": [{"name": "default"}],
                "jobs": [{"name": "server", "release": "bench", "properties": {"greeting": greeting}}],
            }
            for name, size in groups.items()
        ],
    }


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _tgz(members: Mapping[str, bytes]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz", format=tarfile.GNU_FORMAT) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(f"./{name}")
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return raw.getvalue()
