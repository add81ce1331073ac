"""How the conformance kit looks past the OpenStack CPI: by the cloud's own API, and at what the simulated hypervisor has.

There is no guest: `write` and `read` reach a disk's bytes in its volume's file, once nova has attached it to the VM.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.openstack import places

OFFSET = 4096


def _cloud(properties: Mapping[str, Any]):
    import openstack

    return openstack.connect(
        auth_url=properties["auth_url"], username=properties["username"], password=properties["api_key"],
        project_name=properties["project"], user_domain_name="Default", project_domain_name="Default",
        region_name=properties["region"], load_yaml_config=False, load_envvars=False,
    )  # fmt: skip


def inventory(properties: Mapping[str, Any]) -> list[str]:
    """All that the project has."""
    cloud = _cloud(properties)
    mine = cloud.current_project_id
    ports = (one for one in cloud.network.ports(project_id=mine) if not (one.device_owner or "").startswith("network:"))
    return [
        *(f"server {one.id}" for one in cloud.compute.servers(details=False)),
        *(f"volume {one.id}" for one in cloud.block_storage.volumes(details=False)),
        *(f"snapshot {one.id}" for one in cloud.block_storage.snapshots(details=False)),
        *(f"image {one.id}" for one in cloud.image.images(owner=mine)),
        *(f"port {one.id}" for one in ports),
        *(f"network {one.id}" for one in cloud.network.networks(project_id=mine)),
    ]


def settings(properties: Mapping[str, Any], vm: str) -> str:
    """The user data that nova keeps for the VM, which its owner may read."""
    answer = _cloud(properties).compute.get(f"/servers/{vm}", microversion="2.79").json()["server"]
    data = answer.get("OS-EXT-SRV-ATTR:user_data")
    if data is None:  # shown to administrators only: what the simulated hypervisor put on the config drive
        (drive,) = places.state().glob(f"nova/cmp*/vms/{vm}/config-drive/openstack/latest/user_data")
        return drive.read_text()
    return base64.b64decode(data).decode()


def vanish(properties: Mapping[str, Any], vm: str) -> None:
    """Delete the server by nova's API."""
    compute = _cloud(properties).compute
    server = compute.get_server(vm)
    compute.delete_server(server)
    compute.wait_for_delete(server, interval=0.3, wait=60)


def write(properties: Mapping[str, Any], vm: str, disk: str, hint: object, text: str) -> None:
    """Bytes into the volume's file."""
    with _file(properties, vm, disk, hint).open("r+b") as data:
        data.seek(OFFSET)
        data.write(text.encode().ljust(512, b"\0"))


def read(properties: Mapping[str, Any], vm: str, disk: str, hint: object) -> str:
    """The bytes again."""
    with _file(properties, vm, disk, hint).open("rb") as data:
        data.seek(OFFSET)
        return data.read(512).rstrip(b"\0").decode()


def _file(properties: Mapping[str, Any], vm: str, disk: str, hint: object) -> Path:
    assert json.loads(json.dumps(hint))["id"] == disk
    attached = _cloud(properties).block_storage.get_volume(disk).attachments
    assert [one["server_id"] for one in attached] == [vm], attached
    return places.state() / "volumes" / f"volume-{disk}"
