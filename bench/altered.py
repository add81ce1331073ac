"""The director as it would be with other design choices: ``python -m bench.altered [--poll] [--barriers] --config director.yml``.

For comparison only: the product has no such switches. ``--poll``: agents are asked each second whether an action has ended, and each second
whether they are there, as stock directors do. ``--barriers``: stages run one after the other in the order of the plan, and in a stage so many units
at once as its width allows; the next ones begin when all of these have ended.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from director.adapters.bus import agents as bus
from director.adapters.bus.exchange import Conversation
from director.engine.order import Order, Work
from director.main import main

POLL = 1.0


def poll() -> None:
    """Nothing that agents push is heeded."""

    async def unheard(talk: Conversation, task_id: str, wait: float) -> None:
        await asyncio.sleep(wait)

    async def unstirred(talk: Conversation, longest: float) -> None:
        await asyncio.sleep(POLL)

    def each_second(agents: Any, agent_id: str, method: str, polls: int, *, pushed: bool) -> float:
        return POLL

    bus._pushed = unheard  # type: ignore[attr-defined]
    bus.NatsAgents._interval = each_second  # type: ignore[method-assign]
    Conversation.stir = unstirred  # type: ignore[method-assign]


def barriers() -> None:
    """No unit starts while another one of an earlier lot runs."""
    by_path = Order.ready

    def by_list(order: Order, running: set[Work]) -> list[Work]:
        if running:
            return []
        found = by_path(order, running)
        first = next((stage.id for stage in order.plan.stages if any(work.stage is stage for work in found)), "")
        lot = [work for work in order.works.values() if work.stage.id == first and work in set(found)]
        return sorted(lot, key=lambda work: work.index)

    Order.ready = by_list  # type: ignore[method-assign]


if __name__ == "__main__":
    words = sys.argv[1:]
    for switch, alter in (("--poll", poll), ("--barriers", barriers)):
        if switch in words:
            words.remove(switch)
            alter()
    sys.exit(main(words))
