"""ping: is the agent there?"""

from __future__ import annotations

from agent.action import Action
from agent.tasks.call import Call
from agent.vm import Vm


def run(_vm: Vm, _call: Call) -> str:
    """``pong``."""
    return "pong"


ACTION = Action(run)
