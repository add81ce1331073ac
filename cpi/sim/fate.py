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
    """`started_at`, `boot_seconds`, `boots_at` (when its agent begins; None: never), `dies_at`, `off_at` (None: never), `stuck` (the phase
    that never comes), `crashes_every` (s; 0: never), `words` (on its console), `slow` (s added to each action), `failing` (jobs do not come up).
    """
    luck = dice(config.seed, "boot", ticket.method, ticket.number)
    seconds = config.agents.boot.draw(luck) if config.agents is not None else 0.0
    boots_at: float | None = now + seconds
    ends = dies_at = off_at = None
    slow, crashes, failing = 0.0, 0.0, False
    stuck = words = ""
    for fault in gate.met(books, ticket, *VM_KINDS):
        match fault.kind:
            case "never_boots":
                stuck, words = fault.phase, fault.message
                if stuck not in ("agent", "refused"):
                    boots_at = None
            case "crashes":
                boots_at, crashes, words = None, max(fault.seconds, 0.001), fault.message
            case "powers_off":
                off_at, words = now + fault.seconds, fault.message
                dies_at = off_at if dies_at is None else min(dies_at, off_at)
            case "vanishes":
                ends = now + fault.seconds
            case "agent_dies":
                dies_at = now + fault.seconds
            case "agent_slow":
                slow += fault.seconds
            case _:
                failing = True
    fields: Fields = {"boots_at": boots_at, "dies_at": dies_at, "slow": slow, "failing": failing}
    way: Fields = {"started_at": now, "boot_seconds": seconds, "off_at": off_at, "stuck": stuck, "words": words}
    return Fate(ends, {**fields, **way, "crashes_every": crashes})
