"""What an action is. Each lives in its own file in ``agent.actions`` and offers one ``ACTION``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.tasks.call import Call
    from agent.vm import Vm


@dataclass(frozen=True)
class Action:
    """``run`` gets the VM and the call and returns the raw value; it raises AgentError on failure.

    An asynchronous action is journaled and may be run again under the same call after a restart of the agent: it
    must either be repeatable or find out by itself what it has done. A synchronous one that ``changes`` something
    has its value recorded when the request carries a key.
    """

    run: Callable[[Vm, Call], Any]
    asynchronous: bool = False
    changes: bool = False
    cancellable: bool = False
