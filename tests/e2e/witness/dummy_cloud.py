"""The dummy cloud behind `dummy_cpi.py`: records in a directory, VMs as processes. Standard library only."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import dummy_vm

Row = dict[str, Any]


class CloudError(Exception):
    """An error of the CPI contract; `type` is one of the names the director knows."""

    def __init__(self, type_: str, message: str, ok_to_retry: bool = False) -> None:
        super().__init__(message)
        self.type = type_
        self.ok_to_retry = ok_to_retry

    def as_json(self) -> Row:
        return {"type": self.type, "message": str(self), "ok_to_retry": self.ok_to_retry}


@dataclass
class Settings:
    """The CPI's configuration file.

    `agent` is the agent's command line; `{base}` and `{config}` in it stand for the VM's directory and its agent.json. An empty list gives VMs
    without any agent.
    """

    state: Path
    mbus: str
    agent: list[str]
    blobstore: Row = field(default_factory=dict)
    stemcell_formats: list[str] = field(default_factory=lambda: ["dummy-raw"])
    api_version: int = 2
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Settings:
        raw = json.loads(path.read_text())
        raw["state"] = Path(raw["state"])
        return cls(**raw)

    def save(self, path: Path) -> Path:
        path.write_text(json.dumps({**self.__dict__, "state": str(self.state)}))
        path.chmod(0o600)
        return path


class Shelf:
    """JSON records of one kind (`vms`, `disks`, `stemcells`, `snapshots`), one file each, replaced atomically."""

    def __init__(self, state: Path, kind: str, missing: str) -> None:
        self.directory = state / kind
        self.missing = missing
        self.directory.mkdir(parents=True, exist_ok=True)

    def path(self, cid: str) -> Path:
        return self.directory / f"{cid}.json"

    def get(self, cid: str) -> Row:
        try:
            return json.loads(self.path(cid).read_text())
        except FileNotFoundError:
            raise CloudError(self.missing, f"'{cid}' not found") from None

    def put(self, cid: str, row: Row) -> str:
        draft = self.directory / f".{cid}.{os.getpid()}"
        draft.write_text(json.dumps({**row, "cid": cid}))
        draft.replace(self.path(cid))
        return cid

    def drop(self, cid: str) -> None:
        self.path(cid).unlink(missing_ok=True)

    def has(self, cid: str) -> bool:
        return self.path(cid).exists()

    def all(self) -> Iterator[Row]:
        for path in sorted(self.directory.glob("[!.]*.json")):
            try:
                yield json.loads(path.read_text())
            except FileNotFoundError:
                continue


class Cloud:
    """The contract's methods; arguments and results as there."""

    METHODS: ClassVar[frozenset[str]] = frozenset(
        {"info", "calculate_vm_cloud_properties"}
        | {"create_stemcell", "delete_stemcell", "snapshot_disk", "delete_snapshot"}
        | {"create_vm", "delete_vm", "has_vm", "reboot_vm", "set_vm_metadata", "get_disks"}
        | {"create_disk", "delete_disk", "has_disk", "attach_disk", "detach_disk", "resize_disk", "set_disk_metadata"}
    )

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stemcells = Shelf(settings.state, "stemcells", "Bosh::Clouds::CpiError")
        self.vms = Shelf(settings.state, "vms", "Bosh::Clouds::VMNotFound")
        self.disks = Shelf(settings.state, "disks", "Bosh::Clouds::DiskNotFound")
        self.snapshots = Shelf(settings.state, "snapshots", "Bosh::Clouds::CpiError")

    def fail_if_asked(self, method: str) -> None:
        """Tests plant `faults/<method>.json`: {"seconds": pause, "error": {type, message, ok_to_retry} or null, "times": n}."""
        path = self.settings.state / "faults" / f"{method}.json"
        try:
            fault = json.loads(path.read_text())
        except FileNotFoundError:
            return
        left = int(fault.get("times", 1)) - 1
        if left > 0:
            path.write_text(json.dumps({**fault, "times": left}))
        else:
            path.unlink(missing_ok=True)
        time.sleep(float(fault.get("seconds", 0)))
        if fault.get("error"):
            raise CloudError(fault["error"]["type"], fault["error"]["message"], bool(fault["error"].get("ok_to_retry")))

    def info(self) -> Row:
        return {"api_version": self.settings.api_version, "stemcell_formats": self.settings.stemcell_formats}

    # stemcells

    def create_stemcell(self, image_path: str, cloud_properties: Row, env: Row | None = None) -> str:
        image = Path(image_path)
        if not image.is_file():
            raise CloudError("Bosh::Clouds::CloudError", f"image '{image}' is not a file")
        return self.stemcells.put(
            f"stemcell-{uuid.uuid4()}",
            {"size": image.stat().st_size, "cloud_properties": cloud_properties, "env": env or {}},
        )

    def delete_stemcell(self, cid: str) -> None:
        self.stemcells.drop(cid)

    # VMs

    def create_vm(
        self,
        agent_id: str,
        stemcell_cid: str,
        cloud_properties: Row,
        networks: Row,
        disk_cids: list[str],
        env: Row,
    ) -> list[Any]:
        self.stemcells.get(stemcell_cid)
        for name, network in networks.items():
            if network.get("type", "manual") not in ("manual", "dynamic", "vip"):
                raise CloudError(
                    "Bosh::Clouds::CloudError", f"network '{name}' has the unknown type '{network['type']}'"
                )
        for cid in disk_cids:
            self.disks.get(cid)
        cid = f"vm-{uuid.uuid4()}"
        base = self.settings.state / "vm" / cid
        dummy_vm.prepare(base, self._agent_settings(cid, agent_id, networks, env, base))
        row: Row = {
            "agent_id": agent_id,
            "stemcell": stemcell_cid,
            "cloud_properties": cloud_properties,
            "networks": networks,
        }
        row |= {"base": str(base), "metadata": {}, "process": None}
        self.vms.put(cid, row)
        row["process"] = dummy_vm.start(base, self.settings.agent, self.settings.environment)
        self.vms.put(cid, row)
        return [cid, networks]

    def delete_vm(self, cid: str) -> None:
        row = self.vms.get(cid)
        dummy_vm.stop(row["process"])
        for disk in self.disks.all():
            if disk.get("vm") == cid:
                self.disks.put(disk["cid"], {**disk, "vm": None})
        self.vms.drop(cid)
        dummy_vm.discard(Path(row["base"]))

    def has_vm(self, cid: str) -> bool:
        return self.vms.has(cid)

    def reboot_vm(self, cid: str) -> None:
        row = self.vms.get(cid)
        dummy_vm.stop(row["process"])
        row["process"] = dummy_vm.start(Path(row["base"]), self.settings.agent, self.settings.environment)
        self.vms.put(cid, row)

    def set_vm_metadata(self, cid: str, metadata: dict[str, str]) -> None:
        self.vms.put(cid, {**self.vms.get(cid), "metadata": metadata})

    def calculate_vm_cloud_properties(self, wanted: dict[str, int]) -> Row:
        return {"cpus": wanted["cpu"], "memory": wanted["ram"], "ephemeral_disk": wanted["ephemeral_disk_size"]}

    # disks

    def create_disk(self, size: int, cloud_properties: Row, vm_cid: str | None = None) -> str:
        if not isinstance(size, int) or size < 1:
            raise CloudError("InvalidCall", f"size {size!r} is not a number of MiB above 0")
        cid = f"disk-{uuid.uuid4()}"
        (self.settings.state / "disk" / cid).mkdir(parents=True)
        return self.disks.put(cid, {"size": size, "cloud_properties": cloud_properties, "vm": None, "metadata": {}})

    def delete_disk(self, cid: str) -> None:
        if self.disks.get(cid)["vm"]:
            raise CloudError("Bosh::Clouds::CpiError", f"disk '{cid}' is attached to '{self.disks.get(cid)['vm']}'")
        self.disks.drop(cid)
        dummy_vm.discard(self.settings.state / "disk" / cid)

    def has_disk(self, cid: str) -> bool:
        return self.disks.has(cid)

    def attach_disk(self, vm_cid: str, disk_cid: str) -> Row:
        self.vms.get(vm_cid)
        disk = self.disks.get(disk_cid)
        if disk["vm"] not in (None, vm_cid):
            raise CloudError("Bosh::Clouds::CpiError", f"disk '{disk_cid}' is attached to '{disk['vm']}'")
        self.disks.put(disk_cid, {**disk, "vm": vm_cid})
        return {"path": str(self.settings.state / "disk" / disk_cid)}

    def detach_disk(self, vm_cid: str, disk_cid: str) -> None:
        disk = self.disks.get(disk_cid)
        if disk["vm"] != vm_cid:
            raise CloudError("Bosh::Clouds::DiskNotAttached", f"disk '{disk_cid}' is not attached to '{vm_cid}'")
        self.disks.put(disk_cid, {**disk, "vm": None})

    def resize_disk(self, cid: str, size: int) -> None:
        disk = self.disks.get(cid)
        if size < disk["size"]:
            raise CloudError("Bosh::Clouds::NotSupported", "disks do not shrink")
        self.disks.put(cid, {**disk, "size": size})

    def set_disk_metadata(self, cid: str, metadata: dict[str, str]) -> None:
        self.disks.put(cid, {**self.disks.get(cid), "metadata": metadata})

    def get_disks(self, vm_cid: str) -> list[str]:
        self.vms.get(vm_cid)
        return [disk["cid"] for disk in self.disks.all() if disk["vm"] == vm_cid]

    def snapshot_disk(self, cid: str, metadata: Row) -> str:
        self.disks.get(cid)
        return self.snapshots.put(f"snapshot-{uuid.uuid4()}", {"disk": cid, "metadata": metadata})

    def delete_snapshot(self, cid: str) -> None:
        self.snapshots.drop(cid)

    def _agent_settings(self, cid: str, agent_id: str, networks: Row, env: Row, base: Path) -> Row:
        local = {"provider": "local", "options": {"blobstore_path": str(base / "blobs")}}
        return {
            "agent_id": agent_id,
            "vm": {"name": cid},
            "mbus": self.settings.mbus,
            "ntp": [],
            "blobstore": self.settings.blobstore or local,
            "networks": networks,
            "disks": {"system": "/dev/sda", "ephemeral": "/dev/sdb", "persistent": {}},
            "env": env,
        }
