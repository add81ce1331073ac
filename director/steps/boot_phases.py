"""A new VM's way to an agent that speaks, judged look by look: which phase it is in, and when that has been silent for too long. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from director.model.boot import BootLimits
from director.ports.agents import Sighting
from director.ports.cloud import VmStatus

UNSEEN = Sighting()
CRASHES = 3
"""Starts after the first that make a loop: one may be the image's own, after its first boot."""


class Phase(Enum):
    """What a VM is waited for next, in order. ``SPEECH``: nobody tells how far it is."""

    POWER = "created, waiting for its power"
    ADDRESS = "powered on, waiting for an address"
    BUS = "powered on, waiting for it on the bus"
    AGENT = "on the bus, waiting for its agent's answer"
    SPEECH = "waiting for its agent"


class End(Enum):
    """Why a VM is given up."""

    SILENT = "silent"  # the phase has lasted too long
    DOWN = "down"
    CRASHING = "crashing"
    GONE = "gone"


@dataclass(frozen=True)
class Look:
    """What was seen at one moment (epoch seconds). ``vm`` None: the cloud cannot tell, or could not just now."""

    at: float
    vm: VmStatus | None = None
    bus: Sighting = UNSEEN


class Way:
    """One VM's way since ``began`` (epoch seconds). ``phase``, ``since`` when it lasts and ``last`` (the newest look) are for whoever tells of it."""

    def __init__(self, began: float, limits: BootLimits) -> None:
        self._limits = limits
        self.began = began
        self._boots: list[str] = []
        self._was_on = False
        self._off = 0
        self._gone = 0
        self._known: VmStatus | None = None
        self.phase = Phase.SPEECH
        self.since = began
        self.last = Look(began)

    @property
    def vm(self) -> VmStatus:
        """The newest that the cloud told, also when it could not tell at the last look."""
        return self._known or VmStatus()

    @property
    def refused(self) -> str:
        """Why the bus turned the VM away, if it did since the wait began."""
        return self.last.bus.refused if self.last.bus.refused_at >= self.began else ""

    @property
    def doubtful(self) -> bool:
        """It was seen off, or gone, once: another look will settle that."""
        return self._off > 0 or self._gone > 0

    def limit(self, phase: Phase) -> float:
        """Seconds; 0 for none."""
        limits = self._limits
        match phase:
            case Phase.POWER:
                return limits.power
            case Phase.ADDRESS:
                return limits.address
            case Phase.BUS:
                # a cloud that sees no addresses leaves two phases in one
                blind = self.vm.addresses is None
                return limits.bus + limits.address if blind and limits.bus and limits.address else limits.bus
            case Phase.AGENT:
                return limits.agent
            case Phase.SPEECH:
                return 0

    def see(self, look: Look) -> End | None:
        """Take in a look; why the VM is to be given up now, None to go on waiting."""
        self.last = look
        if look.vm is not None:
            self._known = look.vm
            if not look.vm.exists:
                # a cloud of many parts may know a new VM in one and not yet in another
                self._gone += 1
                return End.GONE if self._gone > 1 else None
            self._gone = 0
        phase = self._phase(look)
        if phase is not self.phase:
            # at the first look the phase may have begun with the wait
            self.since = self.began if self.phase is Phase.SPEECH else look.at
            self.phase = phase
        end = self._power(look.vm) if look.vm is not None else None
        if end is not None:
            return end
        limit = self.limit(phase)
        silent = limit > 0 and look.at - self.since >= limit
        return End.SILENT if silent and self._certain(look) else None

    def _phase(self, look: Look) -> Phase:
        vm = self.vm
        if look.bus.there:
            return Phase.AGENT
        if vm.power == "off":
            return Phase.POWER
        if vm.addresses:
            return Phase.BUS
        if vm.power == "on":
            return Phase.ADDRESS if vm.addresses is not None else Phase.BUS
        return Phase.SPEECH if self._known is None or not vm.detail else Phase.POWER

    def _certain(self, look: Look) -> bool:
        """A phase ends a wait only while whoever can tell says that it lasts."""
        if self.phase is Phase.AGENT:
            return True
        return look.vm is not None and look.bus.there is False

    def _power(self, vm: VmStatus) -> End | None:
        if vm.boot and (not self._boots or self._boots[-1] != vm.boot):
            self._boots.append(vm.boot)
            if len(self._boots) > CRASHES:
                return End.CRASHING
        if vm.power == "off" and (self._was_on or self._boots):
            # a restart may be caught between off and on: twice is no chance
            self._off += 1
            return End.DOWN if self._off > 1 else None
        self._was_on = self._was_on or vm.power == "on"
        self._off = 0
        return None
