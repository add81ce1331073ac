"""What a deploy asks for, as stored with its task: enough to plan it again after a restart."""

from __future__ import annotations

from msgspec import Struct, field

from director.model.errors import BadRequest, NotFound
from director.model.rows import InstanceRow
from director.plan.changes import Options


class StateChange(Struct, frozen=True):
    """start, stop, restart, recreate of a group or of one of its instances; ``state``: started, stopped, detached, restart, recreate."""

    group: str
    state: str
    instance: str = ""  # uuid or index; empty for all


class Sealed(Struct, frozen=True):
    """A plan that was shown before: what its ids came from, what it was made from, what it does (`director.plan.seal`), and when it was made."""

    seed: str
    inputs: dict[str, str]
    steps: dict[str, str]
    made_at: float = 0


class DeployRequest(Struct, frozen=True):
    """``skip_drain``: ``*`` or group names; counts are ints or ``N%``; config ids pin configs, None for the latest."""

    deployment: str
    manifest: str
    cloud_config_ids: tuple[int, ...] | None = None
    runtime_config_ids: tuple[int, ...] | None = None
    recreate: bool = False
    recreate_persistent_disks: bool = False
    recreate_vms_created_before: float | None = None
    fix: bool = False
    keep_unreachable: bool = False
    dry_run: bool = False
    skip_drain: tuple[str, ...] = ()
    canaries: int | str | None = None
    max_in_flight: int | str | None = None
    change: StateChange | None = None
    errand: str = ""  # plan this errand group alone
    sealed: Sealed | None = None  # only if the plan is still this one
    user: str = "admin"
    teams: tuple[str, ...] = field(default=())


def chosen_instances(change: StateChange, rows: list[InstanceRow]) -> list[InstanceRow]:
    """The instances that a state change names; 70009 for an unknown group, 70001 for an unknown instance."""
    mine = [row for row in rows if change.group in ("*", row.group)]
    if change.group != "*" and not mine:
        raise NotFound(
            f"Instance group '{change.group}' doesn't exist in this deployment",
            code=70009,
            remedy=f"Its groups: {', '.join(sorted({row.group for row in rows})) or 'none'}",
        )
    if not change.instance:
        return mine
    found = [row for row in mine if change.instance in (row.id, str(row.index))]
    if not found:
        raise NotFound(
            f"Instance '{change.group}/{change.instance}' doesn't exist",
            code=70001,
            remedy=f"Its instances: {', '.join(f'{row.group}/{row.id} ({row.index})' for row in mine) or 'none'}",
        )
    return found


def options_of(
    request: DeployRequest, rows: list[InstanceRow], created: dict[str, float], width: int
) -> tuple[Options, dict[str, str]]:
    """The planner's options and the states that the request overrides, by instance id. ``created``: when each instance's VM was made."""
    recreate: set[str] = set()
    restart: set[str] = set()
    states: dict[str, str] = {}
    if request.recreate:
        before = request.recreate_vms_created_before
        recreate = {"*"} if before is None else {row.id for row in rows if created.get(row.id, 0) < before}
    if request.change is not None:
        for row in chosen_instances(request.change, rows):
            if row.lifecycle == "errand" and not row.agent_id and not request.change.instance:
                continue  # an errand's VM is made for its run; there is nothing to start or stop before
            match request.change.state:
                case "started" | "stopped" | "detached":
                    states[row.id] = request.change.state
                case "restart":
                    restart.add(row.id)
                    states[row.id] = "started"
                case "recreate":
                    recreate.add(row.id)
                    states[row.id] = "started"
                case other:
                    raise BadRequest(
                        f"State '{other}' is not known",
                        code=40005,
                        remedy="Use started, stopped, detached, restart or recreate",
                    )
    options = Options(
        recreate=frozenset(recreate),
        restart=frozenset(restart),
        recreate_persistent_disks=request.recreate_persistent_disks,
        skip_drain=frozenset(request.skip_drain),
        width=width,
        only=frozenset({request.errand} if request.errand else ()),
    )
    return options, states
