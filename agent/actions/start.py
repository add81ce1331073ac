"""start: put the jobs under supervision."""

from __future__ import annotations

from agent.action import Action
from agent.jobs import install
from agent.tasks.call import Call
from agent.vm import Vm


def run(vm: Vm, _call: Call) -> str:
    """Supervision is configured anew from the applied spec, so that jobs of older specs are gone."""
    vm.supervisor.configure(install.monit_files(vm, vm.spec.current))
    vm.layout.stopped_marker.unlink(missing_ok=True)
    vm.supervisor.start()
    vm.state_may_have_changed()
    return "started"


ACTION = Action(run, changes=True)
