"""``/v3/tasks`` and ``/v3/apps/G/tasks``."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from paas.cloud_controller.api.access import need_in, space_powers, visible_spaces
from paas.cloud_controller.api.body import Body, Metadata, Reference, merged_labels
from paas.cloud_controller.api.call import Call, Endpoint, answer
from paas.cloud_controller.api.errors import bad_query, unprocessable
from paas.cloud_controller.api.lists import Listing, among, answer_list
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.flags.flags import need_flag
from paas.cloud_controller.outbox.put import put, stop_instances
from paas.cloud_controller.packages.find import need_of_app
from paas.cloud_controller.quotas.enforce import check_task
from paas.cloud_controller.schema import apps, droplets, processes, spaces, tasks
from paas.cloud_controller.tasks.end import CANCELED, UNENDED
from paas.cloud_controller.tasks.present import present_hidden, present_task

LONGEST_COMMAND = 4096


def _sequence(values: list[str]) -> sa.ColumnElement[bool]:
    if not all(value.isdecimal() and len(value) < 10 for value in values):
        raise bad_query("Sequence ids must be whole numbers")
    return tasks.c.sequence_id.in_([int(value) for value in values])


LISTING = Listing(
    tasks,
    {
        "app_guids": among(tasks.c.app_guid),
        "names": among(tasks.c.name),
        "states": among(tasks.c.state),
        "sequence_ids": _sequence,
        "space_guids": among(apps.c.space_guid),
        "organization_guids": lambda values: apps.c.space_guid.in_(
            sa.select(spaces.c.guid).where(spaces.c.organization_guid.in_(values))
        ),
    },
)


class TemplateProcess(Body, frozen=True, kw_only=True):
    """Whose command and size are taken."""

    process: Reference


class NewTask(Body, frozen=True, kw_only=True):
    """``POST /v3/apps/G/tasks``: a command, or the process that has it."""

    command: str | None = None
    name: str | None = None
    memory_in_mb: int | None = None
    disk_in_mb: int | None = None
    log_rate_limit_in_bytes_per_second: int | None = None
    user: str | None = None
    droplet_guid: str | None = None
    template: TemplateProcess | None = None
    metadata: Metadata | UnsetType = UNSET


class TaskChange(Body, frozen=True, kw_only=True):
    """``PATCH /v3/tasks/G``."""

    metadata: Metadata | UnsetType = UNSET


def _select() -> sa.Select[Any]:
    return sa.select(tasks).select_from(tasks.join(apps, apps.c.guid == tasks.c.app_guid))


async def index(call: Call) -> Response:
    """Of all spaces that the user reads."""
    select = _select().where(apps.c.space_guid.in_(visible_spaces(call.who)))
    return await answer_list(call, LISTING, select, present_hidden)


async def of_app(call: Call) -> Response:
    """Of one app."""
    row = await need_in(call, apps, call.path())
    return await answer_list(call, LISTING, _select().where(tasks.c.app_guid == row.guid), present_hidden)


async def create(call: Call) -> Response:
    """It is started at once, whether the app runs or not."""
    await need_in(call, apps, call.path(), "develop")
    await need_flag(call.db, call.who, "task_creation")
    body = await call.body(NewTask)
    app = (await call.db.execute(sa.select(apps).where(apps.c.guid == call.path()).with_for_update())).one()
    values = await _values(call, app, body)
    row = (await call.db.execute(sa.insert(tasks).values(values).returning(tasks))).one()
    await check_task(call.db, app.space_guid, app.guid, row.memory_in_mb)
    await put(call.db, "task", row.guid)
    await record(
        call.db,
        call.who,
        "audit.app.task.create",
        Target("app", app.guid, app.name),
        space=app.space_guid,
        data={"task_guid": row.guid, "request": {"name": row.name, "command": "[PRIVATE DATA HIDDEN]"}},
    )
    return answer(present_task(call, row), 202)


async def _values(call: Call, app: sa.Row[Any], body: NewTask) -> dict[str, Any]:
    droplet = body.droplet_guid or app.droplet_guid
    if droplet is None:
        raise unprocessable("Task must have a droplet. Assign current droplet to app.")
    known = sa.and_(droplets.c.guid == droplet, droplets.c.app_guid == app.guid, droplets.c.state == "STAGED")
    staged = (await call.db.execute(sa.select(droplets).where(known))).first()
    if staged is None:
        raise unprocessable("The droplet does not exist, or is not of this app")
    template = await _template(call, app, body)
    command = body.command
    if command is None and template is not None:
        command = template.command or staged.process_types.get(template.type)
    if not command:
        raise unprocessable("Command can't be blank: give command, or template.process")
    if len(command) > LONGEST_COMMAND:
        raise unprocessable(f"Command must be at most {LONGEST_COMMAND} characters")
    defaults = call.platform.config.defaults
    memory = body.memory_in_mb or (template.memory_in_mb if template else defaults.memory_in_mb)
    disk = body.disk_in_mb or (template.disk_in_mb if template else defaults.disk_in_mb)
    if memory < 1 or disk < 1:
        raise unprocessable("memory_in_mb and disk_in_mb must be greater than 0")
    if disk > call.platform.config.limits.disk_in_mb:
        raise unprocessable(f"disk_in_mb must be at most {call.platform.config.limits.disk_in_mb}")
    highest = sa.select(sa.func.coalesce(sa.func.max(tasks.c.sequence_id), 0)).where(tasks.c.app_guid == app.guid)
    number = await call.db.scalar(highest) + 1
    return {
        "app_guid": app.guid,
        "name": body.name or f"{number:08x}",
        "command": command,
        "sequence_id": number,
        "memory_in_mb": memory,
        "disk_in_mb": disk,
        "droplet_guid": droplet,
        "version": str(uuid.uuid4()),
        **merged_labels({}, {}, body.metadata),
    }


async def _template(call: Call, app: sa.Row[Any], body: NewTask) -> sa.Row[Any] | None:
    if body.template is None:
        return None
    mine = sa.and_(processes.c.guid == body.template.process.guid, processes.c.app_guid == app.guid)
    row = (await call.db.execute(sa.select(processes).where(mine))).first()
    if row is None:
        raise unprocessable("template.process must be a process of this app")
    return row


async def show(call: Call) -> Response:
    """One, with its command where the user may see it."""
    row = await need_of_app(call, tasks, call.path(), "read", "Task")
    powers = await space_powers(call.db, call.who, row.space_guid)
    return answer(present_task(call, row, hidden=powers is None or not powers.secrets))


async def update(call: Call) -> Response:
    """Labels."""
    row = await need_of_app(call, tasks, call.path(), "develop", "Task")
    body = await call.body(TaskChange)
    values = merged_labels(row.labels, row.annotations, body.metadata)
    change = sa.update(tasks).where(tasks.c.guid == row.guid).values(values).returning(tasks)
    return answer(present_task(call, (await call.db.execute(change)).one()))


async def cancel(call: Call) -> Response:
    """It ends soon, as failed."""
    row = await need_of_app(call, tasks, call.path(), "develop", "Task")
    if row.state not in UNENDED:
        raise unprocessable(f"Task state is {row.state} and therefore cannot be canceled")
    locked = sa.select(tasks.c.state).where(tasks.c.guid == row.guid).with_for_update()
    waiting = await call.db.scalar(locked) == "PENDING"
    values = {"state": "FAILED", "failure_reason": CANCELED} if waiting else {"state": "CANCELING"}
    change = sa.update(tasks).where(tasks.c.guid == row.guid, tasks.c.state.in_(UNENDED)).values(values)
    await call.db.execute(change)
    changed = (await call.db.execute(sa.select(tasks).where(tasks.c.guid == row.guid))).one()
    await stop_instances(call.db, row.guid, version=row.version)
    await record(
        call.db,
        call.who,
        "audit.app.task.cancel",
        Target("app", row.app_guid, row.app_name),
        space=row.space_guid,
        data={"task_guid": row.guid},
    )
    return answer(present_task(call, changed), 202)


ENDPOINTS = [
    Endpoint("GET", "/v3/tasks", index),
    Endpoint("GET", "/v3/apps/{guid}/tasks", of_app),
    Endpoint("POST", "/v3/apps/{guid}/tasks", create),
    Endpoint("GET", "/v3/tasks/{guid}", show),
    Endpoint("PATCH", "/v3/tasks/{guid}", update),
    Endpoint("POST", "/v3/tasks/{guid}/actions/cancel", cancel),
    Endpoint("PUT", "/v3/tasks/{guid}/cancel", cancel),
]
