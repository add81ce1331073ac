"""A lab with a director that deploys on QEMU machines of the lab's own libvirt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree

from libvirt import VIR_DOMAIN_METADATA_ELEMENT, virConnect, virStoragePool, virStorageVol

from lab import storage
from stemcells.build import build as build_stemcell
from tests.clouds.deploys.cloud_site import CloudSite, Row, cloud_config
from tests.clouds.deploys.ground import Ground
from tests.clouds.libvirt.machines import World
from tests.e2e.lab.site import RECIPE

MEMORY, EPHEMERAL = 320, 512
"""MiB."""
WATCH = "100-180000"
"""Milliseconds that jobs may take to start, on an emulated processor."""


@dataclass
class MachineSite(CloudSite):
    """`libvirt` is asked by its own API, and the machines, through `world`, by QEMU's guest agent."""

    PATIENCE: ClassVar[float] = 600

    world: World | None = None
    libvirt: virConnect | None = None

    @property
    def pool(self) -> virStoragePool:
        return self.libvirt.storagePoolLookupByName("default")

    def stemcell(self, version: str) -> Path:
        out = self.directory / f"machine-{version}.tgz"
        if not out.exists():
            build_stemcell(RECIPE, out, version=version, machine=True)
        return out

    def vms(self) -> set[str]:
        return {one.name() for one in self.libvirt.listAllDomains()}

    def boots(self) -> dict[str, int]:
        """libvirt numbers each start of a domain anew."""
        return {one.name(): one.ID() for one in self.libvirt.listAllDomains()}

    def switch_off(self, row: Row) -> None:
        self.world.domain(row["vm_cid"]).destroy()

    def volumes(self) -> set[str]:
        """Names of what libvirt has in the pool."""
        self.pool.refresh()
        return {one.name() for one in self.pool.listAllVolumes()}

    def disks(self) -> set[str]:
        return {name.rpartition(".")[0] for name in self.volumes() if "-disk-" in name}

    def inventory(self) -> object:
        return self.vms(), self.volumes(), set(self.world.volumes())

    def run(self, row: Row, script: str) -> str:
        return self.world.run(row["vm_cid"], script)

    def volume(self, name: str) -> virStorageVol:
        return self.pool.storageVolLookupByName(name)

    def standing_on(self, name: str) -> str:
        """The file that a volume takes what it was never written from."""
        return ElementTree.fromstring(self.volume(name).XMLDesc()).findtext("backingStore/path")

    def definition(self, cid: str) -> ElementTree.Element:
        """What libvirt has of a running domain."""
        return ElementTree.fromstring(self.world.xml(cid))

    def targets(self, cid: str) -> dict[str, str]:
        """Volume -> the name of the disk that it is in a running machine."""
        found = self.definition(cid).findall("devices/disk")
        return {one.find("source").get("volume"): one.find("target").get("dev") for one in found}

    def serial(self, cid: str, volume: str) -> str:
        """What a running machine sees of a volume."""
        [found] = [
            one for one in self.definition(cid).findall("devices/disk") if one.find("source").get("volume") == volume
        ]
        return found.findtext("serial")

    def tags(self, cid: str) -> dict[str, str]:
        """What the director has said of a machine."""
        text = self.world.domain(cid).metadata(VIR_DOMAIN_METADATA_ELEMENT, "urn:meristem:libvirt:1")
        return {one.get("name"): one.text for one in ElementTree.fromstring(text).iter() if one.get("name")}

    def console(self, cid: str) -> str:
        """What the machine has said since its start."""
        stream = self.libvirt.newStream()
        self.volume(f"{cid}.console").download(stream, 0, 0)
        parts = []
        while data := stream.recv(1 << 16):
            parts.append(data)
        stream.finish()
        return b"".join(parts).decode(errors="replace")


def build() -> MachineSite:
    """All of it, running, with stemcell, release and cloud config; nothing is deployed."""
    with Ground.laid("qm") as ground:
        directory, lab = ground.directory, ground.lab
        storage.start(lab.record, directory / "pool")
        world = World(lab, directory, lab.record.name)
        given = {"director_uuid", "request_id", "agent"}
        properties = {key: value for key, value in world.context.items() if key not in given}
        wait = {"agent_wait_timeout": MachineSite.PATIENCE}
        # an emulated processor takes its time for each phase of a boot
        config = ground.configure("libvirt", properties, boot={"address": 0, "bus": 0, "agent": 0}, agent=wait)
        site = ground.stand(
            MachineSite, config, ground.forward(), directory / "vms", world=world, libvirt=world.connection()
        )
        size = {"cpus": 1, "memory": MEMORY, "ephemeral_disk": EPHEMERAL}
        offered = cloud_config(size, {}, {"network": lab.record.network})
        offered["compilation"]["workers"] = 1
        site.open(site.stemcell("1.0"), offered)
        return site
