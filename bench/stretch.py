"""Stretch: the time that a deploy takes, over the least time in which any schedule could carry out its plan.

A director process (SQLite, its own nats-server) creates 200 VMs and then updates all of them in place, over a simulated cloud whose calls, boots
and agents take times drawn from a seed. The least time counts those times as they were drawn, and the waits that are policy: the low end of the
watch time, canaries, ``max_in_flight``. Everything else is the director's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from bench import goods
from bench.graph import lower_bound, without_delay
from bench.history import journal_of, plan_of, rows
from bench.stage import Stage, stage
from cpi.sim.chance import dice
from cpi.sim.config import Config
from director.model.plan import Plan, Step
from director.model.rows import InstanceRow

INSTANCES, WIDTH, PARALLEL = 200, 50, 40
WATCH = 2000
PROPERTIES: dict[str, Any] = {
    "latency": {"create_vm": {"uniform": [11000, 13000]}, "set_vm_metadata": 300, "delete_vm": 1000},
    "agents": {
        "heartbeat": 30,
        "linger": 5,
        "boot": {"uniform": [8500, 9500]},
        "latency": {
            "prepare": {"uniform": [800, 1200]},
            "apply": {"uniform": [800, 1200]},
            "run_script": 300,
            "drain": {"uniform": [800, 1200]},
            "stop": 500,
            "start": 200,
        },
    },
}
ACTIONS = {
    "prepare": ("prepare",),
    "apply": ("apply",),
    "run_script": ("run_script",),
    "drain": ("drain",),
    "stop": ("stop",),
    "start": ("start",),
}


@dataclass
class Deploy:
    """One deploy as it went, in seconds: by the clock; at least; of a director without delay; until the first step; of processor time."""

    wall: float
    bound: float
    ideal: float
    first_step: float
    processor: dict[str, float]
    slowest: dict[str, float]

    @property
    def stretch(self) -> float:
        return self.wall / self.bound


class Ideal:
    """How long each step takes by itself, as the cloud and the agents drew it. Deploys must be asked about in their order."""

    def __init__(self, made: Stage, properties: dict[str, Any]) -> None:
        self._config = Config.parse({"state_dir": str(made.cloud), "seed": 1, **properties})
        self._done: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._vms = {vm.text("agent_id"): vm for vm in made.vms()}
        self._agent_of = {row.id: row.agent_id for row in rows(made.database, InstanceRow)}

    def durations(self, plan: Plan) -> dict[str, float]:
        """Seconds by step id."""
        return {step.id: self._of(step) for stage in plan.stages for unit in stage.units for step in unit.steps}

    def _of(self, step: Step) -> float:
        args = step.args
        if step.kind == "create_vm":
            number = self._vms[args["agent_id"]].body["call"]
            return self._call("create_vm", number) + self._call("set_vm_metadata", 0)
        if step.kind == "wait_agent":
            vm = self._vms[args["agent_id"]]
            boots, created = vm.body["boots_at"], vm.body["created_at"]
            assert isinstance(boots, float) and isinstance(created, float)
            # the agent boots while the VM's metadata is set
            boot = max(0.0, (boots - created) / self._config.speed - self._call("set_vm_metadata", 0))
            return boot + self._action(args["agent_id"], "update_settings") + self._action(args["agent_id"], "apply")
        if step.kind == "watch":
            return args["low"] / 1000
        agent = self._agent_of.get(args.get("instance_id") or (args.get("spec") or {}).get("id", ""), "")
        return sum(self._action(agent, action) for action in ACTIONS.get(step.kind, ()))

    def _call(self, method: str, number: Any) -> float:
        chosen = self._config.latency.get(method) or self._config.latency.get("default")
        drawn = chosen.draw(dice(self._config.seed, "latency", method, number)) if chosen else 0.0
        return drawn / self._config.speed

    def _action(self, agent: str, action: str) -> float:
        agents = self._config.agents
        chosen = agents.latency.get(action) if agents else None
        cid = self._vms[agent].cid
        self._done[agent][action] += 1
        drawn = (
            chosen.draw(dice(self._config.seed, "action", cid, action, self._done[agent][action])) if chosen else 0.0
        )
        return drawn / self._config.speed


def judge(made: Stage, ideal: Ideal, task: int, processor: dict[str, float]) -> Deploy:
    """One task against its least time; ``slowest``: mean seconds that each kind of step took more than by itself."""
    plan = plan_of(made.database, task)
    alone = ideal.durations(plan)
    began, ended = made.took(task)
    more: defaultdict[str, list[float]] = defaultdict(list)
    entries = journal_of(made.database, task)
    for entry in entries:
        more[entry.kind].append((entry.ended_at or 0.0) - entry.intended_at - alone[entry.step_id])
    slowest = {kind: round(sum(times) / len(times), 4) for kind, times in more.items()}
    return Deploy(
        wall=ended - began,
        bound=lower_bound(plan, lambda step: alone[step.id]),
        ideal=without_delay(plan, lambda step: alone[step.id]),
        first_step=min(entry.intended_at for entry in entries) - began,
        processor=processor,
        slowest=slowest,
    )


def deploys(
    instances: int, width: int, parallel: int, seconds: float, *, speed: float = 1, watch: int = WATCH
) -> tuple[Deploy, Deploy]:
    """The creation of so many VMs, ``width`` at once, and their rolling update, ``parallel`` at once."""
    properties = {**PROPERTIES, "speed": speed}
    with stage(properties, width=width) as made:
        tasks: list[tuple[int, dict[str, float]]] = []
        for greeting in ("hello", "good day"):
            before = made.processor()
            wanted = goods.manifest({"web": instances}, width=parallel, watch=watch, greeting=greeting)
            task = made.deploy(wanted, seconds)
            after = made.processor()
            tasks.append((task, {name: round(after[name] - before.get(name, 0.0), 2) for name in after}))
        ideal = Ideal(made, properties)
        first, second = (judge(made, ideal, task, processor) for task, processor in tasks)
        return first, second


def measure(*, quick: bool = False) -> dict[str, Any]:
    """``create`` and ``rolling_update``: wall and critical_path in s, stretch, and where the rest went."""
    if quick:
        instances, (create, update) = 6, deploys(6, 3, 2, 60, speed=20, watch=200)
    else:
        instances, (create, update) = INSTANCES, deploys(INSTANCES, WIDTH, PARALLEL, 240)
    return {
        "instances": instances,
        "create": _told(create),
        "rolling_update": _told(update),
    }


def _told(deploy: Deploy) -> dict[str, Any]:
    return {
        "stretch": round(deploy.stretch, 3),
        "wall": round(deploy.wall, 2),
        "critical_path": round(deploy.bound, 2),
        "without_delay": round(deploy.ideal, 2),
        "over_without_delay": round(deploy.wall / deploy.ideal, 3),
        "before_first_step": round(deploy.first_step, 3),
        "processor": deploy.processor,
        "more_than_by_itself": dict(sorted(deploy.slowest.items(), key=lambda one: -one[1])[:6]),
    }
