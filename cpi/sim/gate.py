"""The way of every call: counted, limited, hit by faults, delayed; then its effect in one moment; then its answer, or none."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cpi.contract import Call, CloudError, DeadlineExceeded, Facts
from cpi.sim.chance import dice
from cpi.sim.clock import Clock
from cpi.sim.config import Config
from cpi.sim.faults import CALL_KINDS, Fault
from cpi.sim.inventory import Books, Inventory

T = TypeVar("T")
LONGEST_HANG = 3600.0
EXIT_DIED = 70
CALLER = os.getppid()
"""Who called: kept from the start, as a worker may finish its calls after its director's death."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A call that was let in: its number among the calls of its method, and the faults that meet it."""

    method: str
    number: int
    faults: tuple[Fault, ...] = ()
    zone: str = ""
    groups: tuple[str, ...] = ()


class Gate:
    """`pass_` runs one call of a cloud."""

    def __init__(self, config: Config, inventory: Inventory, clock: Clock) -> None:
        self._config = config
        self._inventory = inventory
        self._clock = clock

    def pass_(
        self, call: Call, effect: Callable[[Books, Ticket], T], *, zone: str = "", groups: Sequence[str] = ()
    ) -> T:
        """The value of `effect`, which runs inside one transaction. Raises what the faults and limits say.

        Refused and failed calls have no effect; an answer that is lost has one.
        """
        ticket = self._enter(call, zone, tuple(groups))
        for fault in ticket.faults:
            if fault.kind == "error":
                self._clock.sleep(fault.seconds)
                raise fault.error(call.method)
        self._clock.sleep(self._delay(ticket))
        with self._inventory.transaction() as books:
            call.check()
            books.sweep(self._clock.now())
            value = effect(books, ticket)
            if self._config.record:
                books.record(time.time(), call.method, call.key or "", director=CALLER)
        for fault in ticket.faults:
            if fault.kind == "lost":
                self._lose(call, fault)
        return value

    def met(self, books: Books, ticket: Ticket, *kinds: str) -> list[Fault]:
        """The faults of other kinds that meet the call; each is counted."""
        return [fault for fault in self._config.faults if fault.kind in kinds and self._meets(books, fault, ticket)]

    def _enter(self, call: Call, zone: str, groups: tuple[str, ...]) -> Ticket:
        waited = 0.0
        with self._inventory.transaction() as books:
            number = books.count(f"calls:{call.method}")
        while True:
            limits = self._config.limits.now(self._config.state_dir)
            with self._inventory.transaction() as books:
                refused = books.draw(limits.of(call.method), self._clock.now())
                if refused is None or refused[1].wait <= waited:
                    if refused is not None:
                        books.count(f"refused:{call.method}")
                        break
                    ticket = Ticket(call.method, number, zone=zone, groups=groups)
                    met = self.met(books, ticket, *CALL_KINDS)
                    return Ticket(call.method, number, tuple(met), zone, groups)
            pause = min(refused[2], refused[1].wait - waited)
            self._clock.sleep(pause)
            waited += max(pause, 0.001)
            call.check()
        name, rate, wait = refused
        raise CloudError(
            f"Rate limit exceeded: {'calls' if name == 'all' else name} at most {rate.per_second:g} per second; "
            f"try again in {wait:.2f} s",
            ok_to_retry=True,
            facts=Facts(method=call.method, endpoint="sim", started=False, retry_after=wait / self._config.speed),
        )

    def _meets(self, books: Books, fault: Fault, ticket: Ticket) -> bool:
        if not fault.meets(self._config.seed, ticket.method, ticket.number, zone=ticket.zone, groups=ticket.groups) or (
            fault.times is not None and books.counted(fault.counter) >= fault.times
        ):
            return False
        books.count(fault.counter)
        return True

    def _delay(self, ticket: Ticket) -> float:
        chosen = self._config.latency.get(ticket.method) or self._config.latency.get("default")
        luck = dice(self._config.seed, "latency", ticket.method, ticket.number)
        drawn = chosen.draw(luck) if chosen is not None else 0.0
        return drawn + sum(fault.seconds for fault in ticket.faults if fault.kind == "slow")

    def _lose(self, call: Call, fault: Fault) -> None:
        if fault.how == "die":
            os._exit(EXIT_DIED)
        if fault.how == "hang":
            # the worker answers for it when the deadline is over; this thread goes a little later
            self._clock.sleep(fault.seconds or call.remaining(LONGEST_HANG) + 1)
        text = fault.message or f"the answer to {call.method} was lost (simulated); it has taken effect"
        raise DeadlineExceeded(text, facts=Facts(method=call.method, endpoint="sim"))
