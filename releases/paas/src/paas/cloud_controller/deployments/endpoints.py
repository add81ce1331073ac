"""``/v3/deployments``."""

from __future__ import annotations

from typing import Any, Literal

import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from paas.cloud_controller.api.access import need_in, visible_spaces
from paas.cloud_controller.api.body import Body, Metadata, Reference, ToOne, merged_labels
from paas.cloud_controller.api.call import Call, Endpoint, answer
from paas.cloud_controller.api.errors import ApiError, unprocessable
from paas.cloud_controller.api.lists import Listing, Rows, among, answer_list
from paas.cloud_controller.api.present import resource, to_one, when
from paas.cloud_controller.deployments.begin import begin
from paas.cloud_controller.deployments.end import main_process
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.packages.find import need_of_app
from paas.cloud_controller.processes.scale import Scale, scaled
from paas.cloud_controller.quotas.apps import check_app_quota
from paas.cloud_controller.revisions.endpoints import deployable
from paas.cloud_controller.schema import apps, deployments, droplets, processes, revisions

LISTING = Listing(
    deployments,
    {
        "app_guids": among(deployments.c.app_guid),
        "states": among(deployments.c.state),
        "status_values": among(deployments.c.status),
        "status_reasons": among(deployments.c.reason),
    },
)
MOST_STEPS = 100
OPTION_OF = {"instances": "web_instances", "log_rate_limit": "log_rate_limit_in_bytes_per_second"}
"""Column of a process -> the option's name, where it is another one."""


class Step(Body, frozen=True, kw_only=True):
    """A pause of a canary deployment: when so many per cent of the instances are new."""

    instance_weight: int


class Canary(Body, frozen=True, kw_only=True):
    """Pauses; none: one, after the first new instance."""

    steps: tuple[Step, ...] = ()


class Options(Body, frozen=True, kw_only=True):
    """How fast, and how many of which size the web process has from then on. Source: the CAPI documentation, "Deployments"."""

    max_in_flight: int = 1
    canary: Canary | None = None
    web_instances: int | None = None
    memory_in_mb: int | None = None
    disk_in_mb: int | None = None
    log_rate_limit_in_bytes_per_second: int | None = None

    def scale(self) -> Scale:
        """As ``actions/scale`` has it."""
        return Scale(
            instances=self.web_instances,
            memory_in_mb=self.memory_in_mb,
            disk_in_mb=self.disk_in_mb,
            log_rate_limit_in_bytes_per_second=self.log_rate_limit_in_bytes_per_second,
        )


class Relationships(Body, frozen=True, kw_only=True):
    """Of a new deployment."""

    app: ToOne


class NewDeployment(Body, frozen=True, kw_only=True):
    """``POST /v3/deployments``. Without a droplet the app's own is started anew."""

    relationships: Relationships
    droplet: Reference | None = None
    revision: Reference | None = None
    strategy: Literal["rolling", "canary"] = "rolling"
    options: Options = Options()
    metadata: Metadata | UnsetType = UNSET


class DeploymentChange(Body, frozen=True, kw_only=True):
    """``PATCH /v3/deployments/G``."""

    metadata: Metadata | UnsetType = UNSET


def present_deployment(call: Call, row: sa.Row[Any]) -> dict[str, Any]:
    """One deployment."""
    path = f"/v3/deployments/{row.guid}"
    status: dict[str, Any] = {
        "value": row.status,
        "reason": row.reason,
        "details": {
            "last_status_change": when(row.last_status_change),
            "last_healthy_at": when(row.last_healthy_at or row.created_at),
        },
    }
    options: dict[str, Any] = {"max_in_flight": row.max_in_flight}
    scale: dict[str, int] = row.scale
    options |= {OPTION_OF.get(column, column): value for column, value in scale.items()}
    if row.strategy == "canary":
        total = max(1, len(row.steps))
        status["canary"] = {"steps": {"current": min(row.step, total), "total": total}}
        options["canary"] = {"steps": row.steps}
    links: dict[str, Any] = {"app": f"/v3/apps/{row.app_guid}"}
    if row.status == "ACTIVE":
        links["cancel"] = call.link(f"{path}/actions/cancel", "POST")
        if row.state == "PAUSED":
            links["continue"] = call.link(f"{path}/actions/continue", "POST")
    new = [{"guid": row.process_guid, "type": row.process_type}] if row.process_guid else []
    return resource(
        call,
        row,
        path,
        {
            "state": row.state,
            "status": status,
            "strategy": row.strategy,
            "options": options,
            "droplet": {"guid": row.droplet_guid},
            "previous_droplet": {"guid": row.previous_droplet_guid},
            "new_processes": new,
            "revision": {"guid": row.revision_guid} if row.revision_guid else None,
        },
        {"app": to_one(row.app_guid)},
        links,
    )


async def _present_all(call: Call, rows: Rows) -> list[dict[str, Any]]:
    return [present_deployment(call, row) for row in rows]


async def index(call: Call) -> Response:
    """Of all spaces that the user reads."""
    select = sa.select(deployments).select_from(deployments.join(apps, apps.c.guid == deployments.c.app_guid))
    return await answer_list(call, LISTING, select.where(apps.c.space_guid.in_(visible_spaces(call.who))), _present_all)


async def create(call: Call) -> Response:
    """Begin."""
    body = await call.body(NewDeployment)
    guid = body.relationships.app.data.guid
    try:
        await need_in(call, apps, guid, "operate")
    except ApiError as error:
        if error.status != 404:
            raise
        raise unprocessable("App is invalid. Ensure it exists and you have access to it.") from None
    steps = _steps(body)
    scale = scaled(body.options.scale(), call.platform.config.limits)
    app = (await call.db.execute(sa.select(apps).where(apps.c.guid == guid).with_for_update())).one()
    back = await _revision(call, app, body)
    wanted = back.droplet_guid if back else (body.droplet.guid if body.droplet else app.droplet_guid)
    droplet = (
        await call.db.execute(sa.select(droplets).where(droplets.c.guid == wanted, droplets.c.app_guid == guid))
    ).first()
    if droplet is None:
        if body.droplet is None:
            raise unprocessable(
                "Invalid droplet. Please specify a droplet in the request or set a current droplet for the app."
            )
        raise unprocessable("Unable to assign current droplet. Ensure the droplet exists and belongs to this app.")
    await _check_quota(call, app, scale)
    values = {
        "scale": scale,
        "strategy": body.strategy,
        "max_in_flight": body.options.max_in_flight,
        "steps": steps,
        **merged_labels({}, {}, body.metadata),
    }
    row = await begin(call.platform.config, call.db, app, droplet, values, back)
    await record(
        call.db,
        call.who,
        "audit.app.deployment.create",
        Target("app", app.guid, app.name),
        space=app.space_guid,
        data={"deployment_guid": row.guid, "droplet_guid": droplet.guid, "strategy": body.strategy},
    )
    return answer(present_deployment(call, row), 201)


async def _check_quota(call: Call, app: sa.Row[Any], scale: dict[str, int]) -> None:
    if not scale:
        return
    web = (await call.db.execute(sa.select(processes).where(main_process(app.guid, "web")))).one()
    wanted = {"instances": web.instances, "memory_in_mb": web.memory_in_mb, **scale}
    await check_app_quota(
        call.db, app.space_guid, web.guid, instances=wanted["instances"], memory=wanted["memory_in_mb"]
    )


async def _revision(call: Call, app: sa.Row[Any], body: NewDeployment) -> sa.Row[Any] | None:
    if body.revision is None:
        return None
    if body.droplet is not None:
        raise unprocessable("Cannot set both fields 'droplet' and 'revision'")
    mine = sa.and_(revisions.c.guid == body.revision.guid, revisions.c.app_guid == app.guid)
    row = (await call.db.execute(sa.select(revisions, deployable().label("deployable")).where(mine))).first()
    if row is None:
        raise unprocessable("The revision does not exist")
    if not row.deployable:
        raise unprocessable("Unable to deploy this revision, the droplet for this revision no longer exists.")
    return row


def _steps(body: NewDeployment) -> list[dict[str, int]]:
    if body.options.max_in_flight < 1:
        raise unprocessable("Max in flight must be an integer greater than 0")
    steps = [one.instance_weight for one in (body.options.canary.steps if body.options.canary else [])]
    if steps and body.strategy != "canary":
        raise unprocessable("Canary options are only valid for Canary deployments")
    if len(steps) > MOST_STEPS or any(not 1 <= one <= 100 for one in steps):
        raise unprocessable("Canary steps: each instance_weight must be an integer between 1 and 100")
    if steps != sorted(steps):
        raise unprocessable("Canary steps: instance_weight must be sorted in ascending order")
    return [{"instance_weight": one} for one in steps]


async def _deployment(call: Call, power: str = "read") -> sa.Row[Any]:
    await need_of_app(call, deployments, call.path(), power, "Deployment")
    select = sa.select(deployments).where(deployments.c.guid == call.path())
    return (await call.db.execute(select if power == "read" else select.with_for_update())).one()


async def show(call: Call) -> Response:
    """One."""
    return answer(present_deployment(call, await _deployment(call)))


async def update(call: Call) -> Response:
    """Labels."""
    row = await _deployment(call, "develop")
    body = await call.body(DeploymentChange)
    return await _changed(call, row, merged_labels(row.labels, row.annotations, body.metadata))


async def cancel(call: Call) -> Response:
    """Old instances come back, then the new ones go."""
    row = await _deployment(call, "operate")
    if row.status != "ACTIVE":
        raise unprocessable(f"Cannot cancel a {row.reason} deployment")
    await _tell(call, row, "cancel")
    return await _changed(call, row, {"state": "CANCELING", "reason": "CANCELING", "last_status_change": sa.func.now()})


async def go_on(call: Call) -> Response:
    """After a pause."""
    row = await _deployment(call, "operate")
    if row.state != "PAUSED" or row.status != "ACTIVE":
        raise unprocessable(f"Cannot continue a deployment with status: {row.status} and reason: {row.reason}")
    await _tell(call, row, "continue")
    values = {
        "state": "DEPLOYING",
        "reason": "DEPLOYING",
        "step": row.step + 1,
        "last_status_change": sa.func.now(),
    }
    return await _changed(call, row, values)


async def _tell(call: Call, row: sa.Row[Any], verb: str) -> None:
    app = (await call.db.execute(sa.select(apps).where(apps.c.guid == row.app_guid))).one()
    await record(
        call.db,
        call.who,
        f"audit.app.deployment.{verb}",
        Target("app", app.guid, app.name),
        space=app.space_guid,
        data={"deployment_guid": row.guid},
    )


async def _changed(call: Call, row: sa.Row[Any], values: dict[str, Any]) -> Response:
    change = sa.update(deployments).where(deployments.c.guid == row.guid).values(values).returning(deployments)
    return answer(present_deployment(call, (await call.db.execute(change)).one()))


ENDPOINTS = [
    Endpoint("GET", "/v3/deployments", index),
    Endpoint("POST", "/v3/deployments", create),
    Endpoint("GET", "/v3/deployments/{guid}", show),
    Endpoint("PATCH", "/v3/deployments/{guid}", update),
    Endpoint("POST", "/v3/deployments/{guid}/actions/cancel", cancel),
    Endpoint("POST", "/v3/deployments/{guid}/actions/continue", go_on),
]
