"""A guest as a container: an overlay over its system disk's tree, its drives as loop devices, its cards on the lab's bridge."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from xml.etree import ElementTree

import libvirt

from cpi.libvirt import cgroups, container_init, mounts
from cpi.libvirt.container import Container
from cpi.libvirt.domain import DomainSpec, container_xml, uuid_of
from cpi.libvirt.networks import Card
from cpi.libvirt.properties import NetworkProperties
from lab.errors import LabError
from lab.record import LabRecord
from lab.watcher import devices, trees
from lab.watcher.machine import Drive, Machine
from lab.watcher.record import Guest

PREFIX = "watched"
START_WAIT, END_WAIT = 10.0, 10.0
TRIES = 3


class Hall:
    """The containers of a lab that stand for VMs. `folder`: trees, and one folder for each guest."""

    def __init__(self, lab: LabRecord, folder: Path) -> None:
        self._lab = lab
        self.folder = folder
        self._kind = Container()
        libvirt.registerErrorHandler(lambda *_: None, None)
        self._libvirt = libvirt.open(lab.libvirt_uri)

    def place(self, id: str) -> Path:
        """A guest's folder."""
        return self.folder / "guests" / id

    def runs(self, guest: Guest) -> bool:
        """Whether it is on."""
        return self._domain(guest.name) is not None

    def start(self, machine: Machine) -> Guest:
        """Boot it, with all of its drives. What was written on its root stays from the last time."""
        self._cut(machine.name)  # a watcher may have died while it started it
        tree, place = trees.unpacked(machine.root, self.folder / "trees"), self.place(machine.id)
        guest, sources = Guest(machine.id, machine.name).save(place), dict[str, str]()
        for name in ("root", "upper", "work"):
            (place / name).mkdir(exist_ok=True)
        shutil.rmtree(place / "disk", ignore_errors=True)
        (place / "disk").mkdir()
        mounts.mount_overlay(tree, place / "upper", place / "work", place / "root")
        init = place / "root" / container_init.PLACE
        init.parent.mkdir(parents=True, exist_ok=True)
        init.write_text(container_init.SCRIPT)
        init.chmod(0o755)
        for drive in machine.drives:
            held, sources[drive.target] = devices.hold(drive.file)
            guest = guest.with_drive(drive.target, held).save(place)
            self._link(place, drive)
        xml = self._xml(machine, place, sources)
        for _ in range(TRIES):
            domain = self._libvirt.createXML(xml)
            if self._kind.settled(domain, START_WAIT):
                return guest.on(machine.boot).save(place)
            self._cut(machine.name)
        raise LabError(f"guest {machine.name}: libvirt never heard of its first process")

    def stop(self, guest: Guest) -> Guest:
        """Cut its power, and free what it held."""
        self._cut(guest.name)
        for held in guest.drives.values():
            devices.free(held)
        return guest.off().save(self.place(guest.id))

    def remove(self, guest: Guest) -> None:
        """Remove all that is left of it."""
        self.stop(guest)
        mounts.unmount(self.place(guest.id) / "root")
        shutil.rmtree(self.place(guest.id))

    def plug(self, guest: Guest, drive: Drive) -> Guest:
        """Give a running guest a drive."""
        held, source = devices.hold(drive.file)
        guest = guest.with_drive(drive.target, held).save(self.place(guest.id))
        self._running(guest).attachDeviceFlags(devices.xml(source, drive.target), libvirt.VIR_DOMAIN_AFFECT_LIVE)
        self._link(self.place(guest.id), drive)
        return guest

    def unplug(self, guest: Guest, target: str) -> Guest:
        """Take a drive from a running guest, whether it is in use or not."""
        place, held = self.place(guest.id), guest.drives[target]
        for link in place.glob("disk/*/*"):
            if link.readlink().name == target:
                link.unlink()
        source = devices.path_of(held)
        if source is not None:
            self._running(guest).detachDeviceFlags(devices.xml(source, target), libvirt.VIR_DOMAIN_AFFECT_LIVE)
        devices.free(held)
        return guest.with_drive(target, None).save(place)

    def grow(self, guest: Guest) -> Guest:
        """Let it see which of its disks have grown."""
        for target, held in guest.drives.items():
            now = devices.grown(held)
            if now is not None:
                guest = guest.with_drive(target, now).save(self.place(guest.id))
        return guest

    def _cut(self, name: str) -> None:
        domain, ended = self._domain(name), set[int]()
        if domain is not None:
            ended.add(domain.ID())
            self._kind.cut_power(domain.ID())
            until = time.monotonic() + END_WAIT
            while self._domain(name) is not None:  # libvirt sees it end; told to end it too, it may keep a shadow of it
                if time.monotonic() >= until:
                    domain.destroy()
                    break
                time.sleep(0.01)
        cgroups.kill(PREFIX, name, uuid_of(name), END_WAIT)
        active = {one.ID() for one in self._libvirt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)}
        cgroups.remove(PREFIX, name, ended, active)

    def _xml(self, machine: Machine, place: Path, sources: dict[str, str]) -> str:
        bridge = NetworkProperties(network=self._lab.network)
        spec = DomainSpec(
            name=machine.name,
            key=machine.id,
            memory=machine.memory,
            cpus=machine.cpus,
            cards=tuple(Card(f"eth{n}", card.mac, bridge) for n, card in enumerate(machine.cards)),
            init=f"/{container_init.PLACE}",
            environment={
                "MERISTEM_CGROUPS": cgroups.layout(),
                "MERISTEM_GROUP": cgroups.own_group(PREFIX, machine.name),
            },
            mounts={"/": place / "root", "/dev/disk": place / "disk"},
        )
        document = ElementTree.fromstring(container_xml(spec))  # noqa: S314 - made here
        inside = document.find("devices")
        assert inside is not None
        for target, source in sources.items():
            inside.append(ElementTree.fromstring(devices.xml(source, target)))  # noqa: S314 - made here
        return ElementTree.tostring(document, encoding="unicode")

    def _link(self, place: Path, drive: Drive) -> None:
        for name in drive.links:
            link = place / "disk" / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(f"../../{drive.target}")

    def _running(self, guest: Guest) -> libvirt.virDomain:
        return self._libvirt.lookupByName(guest.name)

    def _domain(self, name: str) -> libvirt.virDomain | None:
        try:
            found = self._libvirt.lookupByName(name)
            return found if found.isActive() else None
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return None
            raise
