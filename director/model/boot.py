"""How long each phase of a new VM's boot may last."""

from __future__ import annotations

from msgspec import Struct


class BootLimits(Struct, frozen=True):
    """Seconds that a VM may spend waiting for each: its power, an address, the bus, its agent's answer; 0: as long as the whole wait.

    ``first_look``: when a VM is looked at first (sooner is no use: most agents speak before); ``interval``: between looks at first.
    """

    power: float = 60
    address: float = 240
    bus: float = 300
    agent: float = 150
    first_look: float = 10
    interval: float = 5

    @classmethod
    def usual(cls, timeout: float) -> BootLimits:
        """For a wait of ``timeout`` seconds: parts of it, but never so short that a busy host alone could exceed them."""

        def part(share: float, least: float) -> float:
            return min(timeout, max(share * timeout, least))

        return cls(power=part(0.1, 20), address=part(0.4, 60), bus=part(0.5, 60), agent=part(0.25, 45))
