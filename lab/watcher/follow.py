"""Follows a cloud's record: looks at all of it whenever some of it may have changed, and makes the guests like it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Event

import libvirt

from lab.errors import LabError
from lab.watcher import record
from lab.watcher.container import Hall
from lab.watcher.machine import Machine, Source
from lab.watcher.record import Guest

LOOK = 1.0
"""Seconds after which the guests are looked after though the cloud has told of nothing: one may have switched itself off."""
FAULTS = (LabError, OSError, libvirt.libvirtError)


class Follower:
    """One cloud and its guests. `say` hears each step."""

    def __init__(self, source: Source, hall: Hall, say: Callable[[str], None]) -> None:
        self._source = source
        self._hall = hall
        self._say = say
        self._guests = record.load_all(hall.folder / "guests")
        self._faulty: dict[str, Machine] = {}
        """VMs that could not be booted or given a drive, as they were then: such a state is not tried twice."""

    def run(self, stop: Event) -> None:
        """Until `stop` is set. The guests go on without a watcher; the next one takes them over."""
        while not stop.is_set():
            try:
                self.round()
                self._source.wait(LOOK)
            except OSError as error:
                self._say(f"the cloud does not answer: {error}")
                stop.wait(LOOK)

    def round(self) -> None:
        """One look. What is to go goes first: a disk may leave one guest for another."""
        machines = self._source.machines()
        self._faulty = {id: one for id, one in self._faulty.items() if machines.get(id) == one}
        for id, guest in list(self._guests.items()):
            machine = machines.get(id)
            if machine is None:
                self._try(guest.name, lambda guest=guest: self._remove(guest))
            elif guest.boot and guest.boot != machine.boot:
                self._try(guest.name, lambda guest=guest: self._stop(guest))
            elif guest.boot and not self._hall.runs(guest):
                self._say(f"{guest.name} has switched itself off")
                self._source.ended(machine)
                self._try(guest.name, lambda guest=guest: self._stop(replace(guest, over=guest.boot)))
            elif guest.boot:
                self._try(guest.name, lambda guest=guest, machine=machine: self._unplug(guest, machine))
        for id, machine in machines.items():
            guest = self._guests.get(id)
            if not machine.boot or id in self._faulty or (guest is not None and machine.boot == guest.over):
                continue
            if guest is None or not guest.boot:
                done = self._try(machine.name, lambda machine=machine: self._start(machine))
            else:
                done = self._try(machine.name, lambda guest=guest, machine=machine: self._plug(guest, machine))
            if not done:
                self._faulty[id] = machine

    def _try(self, name: str, step: Callable[[], None]) -> bool:
        try:
            step()
        except FAULTS as error:
            self._say(f"{name}: {error}")
            self._guests = record.load_all(self._hall.folder / "guests")
            return False
        return True

    def _start(self, machine: Machine) -> None:
        self._guests[machine.id] = self._hall.start(machine)
        self._say(f"{machine.name} is booted with {', '.join(drive.target for drive in machine.drives)}")

    def _stop(self, guest: Guest) -> None:
        self._guests[guest.id] = self._hall.stop(guest)
        self._say(f"{guest.name} is off")

    def _remove(self, guest: Guest) -> None:
        self._hall.remove(guest)
        del self._guests[guest.id]
        self._say(f"{guest.name} is gone")

    def _unplug(self, guest: Guest, machine: Machine) -> None:
        wanted = {drive.target: str(drive.file) for drive in machine.drives}
        for target, held in list(guest.drives.items()):
            if wanted.get(target) != held.file:
                guest = self._guests[guest.id] = self._hall.unplug(guest, target)
                self._say(f"{guest.name}: {target} is taken out")

    def _plug(self, guest: Guest, machine: Machine) -> None:
        for drive in machine.drives:
            if drive.target not in guest.drives:
                guest = self._guests[guest.id] = self._hall.plug(guest, drive)
                self._say(f"{guest.name}: {drive.target} is put in")
        self._guests[guest.id] = self._hall.grow(guest)
