"""What the agent says of itself, unasked (agent protocol, section 7)."""

from __future__ import annotations

from agent.shapes import Json
from agent.supervise.port import Unreachable
from agent.vm import Vm


def heartbeat(vm: Vm, job_state: str) -> Json:
    """One heartbeat; asks the supervisor and reads the vitals."""
    spec = vm.spec.current
    try:
        processes = len(vm.supervisor.services())
    except Unreachable:
        processes = 0
    return {
        "deployment": str(spec.raw.get("deployment") or ""),
        "job": spec.group,
        "index": spec.raw.get("index"),
        "job_state": job_state,
        "vitals": vm.vitals.read(),
        "node_id": str(spec.raw.get("id") or ""),
        "number_of_processes": processes,
    }
