"""get_state: the applied spec and what runs."""

from __future__ import annotations

from typing import Any

from agent.action import Action
from agent.shapes import Json
from agent.supervise.port import Service, Unreachable
from agent.tasks.call import Call
from agent.vm import Vm


def run(vm: Vm, call: Call) -> Json:
    """The spec's fields, agent_id, job_state, processes[] and vm; with argument ``full`` also vitals."""
    spec = vm.spec.current.raw
    state: Json = {
        **spec,
        **{key: spec.get(key) or {} for key in ("networks", "packages", "resource_pool")},
        "agent_id": vm.settings.agent_id,
        "bosh_protocol": "1",
        "job_state": vm.job_state,
        "processes": _processes(vm),
        "vm": {"name": str(vm.settings.vm.get("name") or "")},
    }
    state.pop("rendered_templates_archive", None)
    if call.optional(0) == "full":
        state["vitals"] = vm.vitals.read()
    return state


def _processes(vm: Vm) -> list[Json]:
    try:
        return [_row(service) for service in vm.supervisor.services()]
    except Unreachable:
        return []


def _row(service: Service) -> dict[str, Any]:
    return {
        "name": service.name,
        "state": service.state,
        "uptime": {"secs": service.uptime},
        "mem": {"kb": service.memory_kb, "percent": service.memory_percent},
        "cpu": {"total": service.cpu_percent},
    }


ACTION = Action(run)
