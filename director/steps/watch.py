"""watch: until the agent reports that its jobs run, within the watch time."""

from __future__ import annotations

from itertools import chain, repeat
from typing import Any

from director.model.actions import Watch
from director.model.errors import AgentTimeout, DirectorError
from director.steps import lookup
from director.steps.agent_call import ask
from director.steps.step import Intent, Io, Outcome, StepRun

_SOON = (0.2, 0.3, 0.5)
_STEP = 1.0
_REPLY = 10.0


class WatchStep(StepRun[Watch]):
    """First look after ``low`` ms, then soon (most jobs run within a second), then each second, the last at ``high``; one look at ``high``
    when there is no low."""

    kind = "watch"

    async def run(self, io: Io, intent: Intent) -> Outcome:
        await io.wait(self._until_running(io))
        return Outcome()

    async def _until_running(self, io: Io) -> None:
        args = self.args
        vm = await lookup.live_vm(io, args.instance_id)
        began = io.clock.now()
        high = args.high / 1000
        next_look = high if args.low is None else min(args.low / 1000, high)
        pauses = chain(_SOON, repeat(_STEP))
        state: Any = None
        while True:
            await io.clock.sleep(max(0.0, began + next_look - io.clock.now()))
            try:
                state = await ask(io, vm.agent_id, "get_state", timeout=_REPLY)
            except AgentTimeout:
                io.log.debug(f"agent {vm.agent_id} does not say whether its jobs run")
            if isinstance(state, dict) and state.get("job_state") == "running":
                return
            if io.clock.now() - began >= high:
                break
            next_look = min(next_look + next(pauses), high)
        instance = await lookup.instance(io, args.instance_id)
        message = f"'{instance.name} ({instance.index})' is not running after update."
        failing = _failing(state)
        if failing:
            message += f" Review logs for failed jobs: {', '.join(failing)}"
        raise DirectorError(message, code=400007)


def _failing(state: Any) -> list[str]:
    """Names of the processes that do not run."""
    processes = state.get("processes") if isinstance(state, dict) else None
    if not isinstance(processes, list):
        return []
    return [
        str(one.get("name"))
        for one in processes
        if isinstance(one, dict) and one.get("name") and one.get("state") != "running"
    ]
