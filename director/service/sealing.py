"""Sealed plans: a plan as a document that is reviewed elsewhere, and carried out later only if it would still be the same plan."""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from director.model.actions import CreateDisk, CreateVm
from director.model.deployment import Document
from director.model.errors import BadRequest
from director.plan.seal import moved, plan_items
from director.ports.task_log import TaskLog
from director.service.aside import aside
from director.service.house import House
from director.service.planning import Prepared, prepare
from director.service.preview import shown
from director.service.request import DeployRequest, Sealed

VERSION = 1
MOVED = 190040
_PURPOSE = "sealed plan"
_TOLD = 12


class SealedPlan(Struct, frozen=True, kw_only=True):
    """The document. ``request`` holds the manifest and the options; ``plan`` is for people; ``mac`` is over all the rest."""

    meristem_plan: int
    deployment: str
    director: str
    made_at: str
    made_by: str
    request: Document
    seal: Sealed
    plan: Document
    mac: str = ""


async def seal(house: House, request: DeployRequest, *, redact: bool = True) -> Document:
    """Plan as the deploy would, agents included, and seal it. Changes nothing: new variables are made again when it is carried out."""
    request = msgspec.structs.replace(request, dry_run=False, sealed=None)
    seed = f"sealed/{uuid.uuid4()}"
    prepared = await prepare(house, request, seed, task=0)
    now = house.clock.now()
    plan = await shown(prepared.plan, redact=redact)
    document = SealedPlan(
        meristem_plan=VERSION,
        deployment=request.deployment,
        director=house.site.uuid,
        made_at=datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        made_by=request.user,
        request=_kept(request),
        seal=await aside(len(prepared.specs), _sealed, house, prepared, seed, now),
        plan=plan,
    )
    return msgspec.to_builtins(msgspec.structs.replace(document, mac=_mac(house, document)))


def opened(house: House, deployment: str, document: Document, user: str) -> DeployRequest:
    """The request of a sealed plan, to be carried out in the name of ``user``. Raises for what this director did not seal, or not so."""
    try:
        found = msgspec.convert(document, SealedPlan)
        request = msgspec.convert({**found.request, "sealed": found.seal, "user": user}, DeployRequest)
    except msgspec.ValidationError as error:
        raise BadRequest(
            f"This is no sealed plan: {error}", code=710001, remedy="Send what deploy --plan-only wrote, as it is"
        ) from None
    if found.meristem_plan != VERSION:
        raise BadRequest(
            f"The sealed plan is of version {found.meristem_plan}, this director reads version {VERSION}",
            code=710001,
            remedy="Make a new plan with this director",
        )
    if deployment != found.deployment:
        raise BadRequest(f"The sealed plan is of deployment '{found.deployment}', not of '{deployment}'", code=40005)
    if not hmac.compare_digest(found.mac.encode(), _mac(house, found).encode()):
        foreign = found.director != house.site.uuid
        why = "was sealed by another director" if foreign else "is not as this director sealed it: it was altered"
        raise BadRequest(f"The plan {why}", code=710001, remedy="Make a new plan with this director")
    return request


async def prepare_sealed(
    house: House, request: DeployRequest, sealed: Sealed, task: int, log: TaskLog | None
) -> Prepared:
    """Plan once more from the sealed seed. Raises, naming what moved, unless it comes to the same plan from the same inputs."""
    prepared = await prepare(house, request, sealed.seed, task=task, log=log)
    now = await aside(len(prepared.specs), _sealed, house, prepared, sealed.seed, house.clock.now())
    # what is done otherwise follows from what it is made from, unless the director itself is another
    told = moved(sealed.inputs, now.inputs) or moved(sealed.steps, now.steps) or _made_before(prepared)
    if told:
        more = f"; and {len(told) - _TOLD} more" if len(told) > _TOLD else ""
        raise BadRequest(
            f"The plan of {_ago(house, sealed)} is not carried out, because what it was made from has moved: "
            f"{'; '.join(told[:_TOLD])}{more}",
            code=MOVED,
            remedy="Nothing was changed. Make a new plan with deploy --plan-only and review it",
        )
    sum_of_all = _digest(house)(sorted(now.inputs.items()))
    return msgspec.structs.replace(prepared, plan=msgspec.structs.replace(prepared.plan, inputs=sum_of_all))


def _made_before(prepared: Prepared) -> list[str]:
    """VMs and disks of the plan that are there already: it was carried out once, and what it made are orphans by now. Its ids are not given
    to others while those exist."""
    assert prepared.sources is not None
    world = prepared.sources.world
    known = {one.agent_id for one in world.vms} | {one.object_key for one in world.disks}
    steps = (step for stage in prepared.plan.stages for unit in stage.units for step in unit.steps)
    keys = {step.args["object_key"] for step in steps if step.kind in (CreateVm.KIND, CreateDisk.KIND)}
    return (
        [f"it was carried out before, and what it made is orphaned: {', '.join(sorted(known & keys))}"]
        if known & keys
        else []
    )


def _sealed(house: House, prepared: Prepared, seed: str, now: float) -> Sealed:
    assert prepared.sources is not None
    digest = _digest(house)
    return Sealed(seed, prepared.sources.items(digest), plan_items(prepared.plan, digest), now)


def _digest(house: House) -> Callable[[Any], str]:
    """Keyed, so that the document tells nothing of what it was made from."""

    def digest(value: Any) -> str:
        return "#" + house.secrets.sign("plan item", msgspec.json.encode(value, order="deterministic"))[:32]

    return digest


def _mac(house: House, document: SealedPlan) -> str:
    unsigned = msgspec.structs.replace(document, mac="")
    return house.secrets.sign(_PURPOSE, msgspec.json.encode(unsigned, order="deterministic"))


def _kept(request: DeployRequest) -> Document:
    """What is not as it is by default."""
    found: Document = msgspec.to_builtins(request)
    usual: Document = msgspec.to_builtins(DeployRequest(request.deployment, ""))
    return {key: value for key, value in found.items() if value != usual[key] or key in ("deployment", "manifest")} | {
        "user": ""
    }


def _ago(house: House, sealed: Sealed) -> str:
    seconds = max(0, int(house.clock.now() - sealed.made_at))
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {word}{'s' if count > 1 else ''} ago"
    return "just now"
