"""info: what this agent can do."""

from __future__ import annotations

from agent import __version__
from agent.action import Action
from agent.shapes import Json
from agent.tasks.call import Call
from agent.vm import Vm


def run(_vm: Vm, _call: Call) -> Json:
    """api_version 1 (run_errand takes a job's name), and that results are pushed."""
    return {"api_version": 1, "meristem": {"version": __version__, "push": True}}


ACTION = Action(run)
