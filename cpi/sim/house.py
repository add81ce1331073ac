"""What all simulated agents of one process share: the inventory, the configuration, the uploads, the time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from cpi.sim import memory as memories
from cpi.sim.chance import dice
from cpi.sim.clock import RealClock
from cpi.sim.config import AgentsConfig, Config
from cpi.sim.inventory import Inventory
from cpi.sim.memory import Memory
from cpi.sim.upload import Uploads


class House:
    """One cloud's agents. `config` may be replaced while they run."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.inventory = Inventory(config.state_dir, follow=False)
        self.uploads = Uploads()
        self.handshakes = asyncio.Semaphore(self.agents.handshakes)
        self._clock = RealClock(config.speed)

    @property
    def agents(self) -> AgentsConfig:
        return self.config.agents or AgentsConfig()

    def now(self) -> float:
        """The cloud's time."""
        return self._clock.now()

    def seconds_until(self, when: float) -> float:
        """Seconds of real time until a time of the cloud."""
        return max(0.0, when - self.now()) / self.config.speed

    def latency_of(self, vm: str, action: str, number: int) -> float:
        """Seconds that an action takes."""
        chosen = self.agents.latency.get(action) or self.agents.latency.get("default")
        return 0.0 if chosen is None else chosen.draw(dice(self.config.seed, "action", vm, action, number))

    def failure_of(self, vm: str, action: str, number: int, zone: str, groups: Sequence[str]) -> str | None:
        """The text with which a fault makes this action fail."""
        for fault in self.config.faults:
            if fault.kind != "agent_error" or not fault.meets(
                self.config.seed, action, number, zone=zone, groups=groups, subject=vm
            ):
                continue
            with self.inventory.transaction() as books:
                if fault.times is not None and books.counted(fault.counter) >= fault.times:
                    continue
                books.count(fault.counter)
            return fault.message or f"simulated fault: {action} failed"
        return None

    def record(self, agent_id: str, method: str, fence: object) -> None:
        """Note a request that an agent accepted, where the property `record` says so."""
        if self.config.record:
            with self.inventory.transaction() as books:
                books.record(time.time(), method, agent_id, fence=fence if isinstance(fence, int) else None)

    def attached_to(self, vm: str) -> list[str]:
        """CIDs of the disks on a VM."""
        with self.inventory.transaction() as books:
            return [disk for disk, _ in books.attached(vm)]

    def memory_of(self, vm: str) -> str | None:
        with self.inventory.transaction() as books:
            return books.memory(vm)

    def remember(self, vm: str, memory: Memory) -> None:
        with self.inventory.transaction() as books:
            books.remember(vm, memories.dump(memory))
