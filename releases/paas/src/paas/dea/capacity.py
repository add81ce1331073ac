"""What a DEA has and has handed out: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from paas.dea.record import LIVE, Record
from paas.messages.dea import Limits


@dataclass(frozen=True)
class Capacity:
    """Memory and disk in MB, overcommit counted in."""

    memory: int
    disk: int

    def available(self, records: Iterable[Record]) -> tuple[int, int]:
        """(memory, disk) in MB that is not handed out."""
        live = [record.limits for record in records if record.state in LIVE]
        return self.memory - sum(one.mem for one in live), self.disk - sum(one.disk for one in live)

    def lack(self, wanted: Limits, records: Iterable[Record]) -> str:
        """What there is too little of, in words; empty where it fits."""
        memory, disk = self.available(records)
        if wanted.mem > memory:
            return f"insufficient resources: {wanted.mem} MB of memory wanted, {max(memory, 0)} MB are left"
        if wanted.disk > disk:
            return f"insufficient resources: {wanted.disk} MB of disk wanted, {max(disk, 0)} MB are left"
        return ""


def counts(records: Iterable[Record]) -> dict[str, int]:
    """App -> how many of its instances are here."""
    return dict(Counter(record.droplet for record in records if record.state in LIVE))
