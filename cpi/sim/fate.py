"""What is in store for a VM from its first moment: when it boots, slows down, dies or vanishes."""

from __future__ import annotations

from dataclasses import dataclass, field

from cpi.sim.chance import dice
from cpi.sim.config import Config
from cpi.sim.faults import VM_KINDS
from cpi.sim.gate import Gate, Ticket
from cpi.sim.inventory import Books, Fields


@dataclass(frozen=True, slots=True)
class Fate:
    """`ends`: when the VM vanishes, None for never; `fields` join the VM's record."""

    ends: float | None = None
    fields: Fields = field(default_factory=dict[str, object])


def draw_fate(config: Config, gate: Gate, books: Books, ticket: Ticket, now: float) -> Fate:
    """`boots_at` (None: never), `dies_at` (None: never), `slow` (s added to each action), `failing` (jobs do not come up)."""
    luck = dice(config.seed, "boot", ticket.method, ticket.number)
    boots_at: float | None = now + (config.agents.boot.draw(luck) if config.agents is not None else 0.0)
    ends = dies_at = None
    slow, failing = 0.0, False
    for fault in gate.met(books, ticket, *VM_KINDS):
        match fault.kind:
            case "never_boots":
                boots_at = None
            case "vanishes":
                ends = now + fault.seconds
            case "agent_dies":
                dies_at = now + fault.seconds
            case "agent_slow":
                slow += fault.seconds
            case _:
                failing = True
    return Fate(ends, {"boots_at": boots_at, "dies_at": dies_at, "slow": slow, "failing": failing})
