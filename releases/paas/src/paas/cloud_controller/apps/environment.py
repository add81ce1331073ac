"""An app's environment: the user's variables, sealed, and what the platform adds."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from paas.cloud_controller.api.access import need_in
from paas.cloud_controller.api.body import Body
from paas.cloud_controller.api.call import Call, Endpoint, answer
from paas.cloud_controller.api.errors import unprocessable
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.flags.flags import need_flag
from paas.cloud_controller.instances.environment import services_of, vcap_application
from paas.cloud_controller.instances.uris import uris_of
from paas.cloud_controller.schema import apps, organizations, processes, spaces
from paas.cloud_controller.variable_groups.groups import group_variables

_NAME = re.compile(r"^[^=\0\s][^=\0]*$")


class Variables(Body, frozen=True, kw_only=True):
    """``{"var": {NAME: VALUE or null}}``."""

    var: dict[str, Any]


def check_variables(variables: dict[str, Any]) -> dict[str, Any]:
    """The variables; null ones stand for removal. 422 names one that is not allowed, never its value."""
    for name, value in variables.items():
        if not _NAME.match(name):
            raise unprocessable(f"Environment variable name '{name}' must not be empty nor have '=' or NUL in it")
        if name.upper().startswith("VCAP_") or name.upper() == "PORT":
            raise unprocessable(
                f"Environment variables cannot start with VCAP_ or be PORT: '{name}' is the platform's own"
            )
        if value is not None and not isinstance(value, str):
            raise unprocessable(f"Non-string value in environment variable for key '{name}'")
        if isinstance(value, str) and "\0" in value:
            raise unprocessable(f"The value of environment variable '{name}' has a NUL character in it")
    return variables


async def show(call: Call) -> Response:
    """All of it."""
    row = await need_in(call, apps, call.path(), "secrets")
    for name in ("env_var_visibility", "space_developer_env_var_visibility"):
        await need_flag(call.db, call.who, name)
    process = (
        await call.db.execute(
            sa.select(
                processes,
                sa.literal(row.name).label("app_name"),
                sa.literal(row.space_guid).label("space_guid"),
                spaces.c.name.label("space_name"),
                spaces.c.organization_guid,
                organizations.c.name.label("organization_name"),
            )
            .select_from(
                processes.join(apps, apps.c.guid == processes.c.app_guid)
                .join(spaces, spaces.c.guid == apps.c.space_guid)
                .join(organizations, organizations.c.guid == spaces.c.organization_guid)
            )
            .where(processes.c.app_guid == row.guid, processes.c.deployment_guid.is_(None))
            .order_by(processes.c.type != "web", processes.c.type)
        )
    ).first()
    application: dict[str, Any] = {}
    if process is not None:
        uris = await uris_of(call.db, process.guid)
        application = vcap_application(call.platform.config, process, uris)
    services: dict[str, list[dict[str, Any]]] = {}
    for service in await services_of(call.platform, call.db, row.guid):
        services.setdefault(service["label"], []).append(service)
    return answer(
        {
            "environment_variables": call.platform.sealer.open(row.environment),
            "staging_env_json": await group_variables(call.db, call.platform.sealer, "staging"),
            "running_env_json": await group_variables(call.db, call.platform.sealer, "running"),
            "system_env_json": {"VCAP_SERVICES": services},
            "application_env_json": {"VCAP_APPLICATION": application},
        }
    )


async def variables(call: Call) -> Response:
    """The user's."""
    row = await need_in(call, apps, call.path(), "secrets")
    for name in ("env_var_visibility", "space_developer_env_var_visibility"):
        await need_flag(call.db, call.who, name)
    return _answer(call, row.guid, call.platform.sealer.open(row.environment))


async def update(call: Call) -> Response:
    """Set and unset some; running instances keep what they have."""
    row = await need_in(call, apps, call.path(), "develop")
    given = check_variables((await call.body(Variables)).var)
    locked = (
        await call.db.execute(sa.select(apps.c.environment).where(apps.c.guid == row.guid).with_for_update())
    ).one()
    merged = {**call.platform.sealer.open(locked.environment), **given}
    kept = {name: value for name, value in merged.items() if value is not None}
    sealed = call.platform.sealer.seal(kept)
    await call.db.execute(sa.update(apps).where(apps.c.guid == row.guid).values(environment=sealed))
    await record(
        call.db,
        call.who,
        "audit.app.update",
        Target("app", row.guid, row.name),
        space=row.space_guid,
        data={"request": {"environment_variables": "[PRIVATE DATA HIDDEN]"}},
    )
    return _answer(call, row.guid, kept)


def _answer(call: Call, app: str, variables: dict[str, Any]) -> Response:
    links = {
        "self": call.link(f"/v3/apps/{app}/environment_variables"),
        "app": call.link(f"/v3/apps/{app}"),
    }
    return answer({"var": variables, "links": links})


ENDPOINTS = [
    Endpoint("GET", "/v3/apps/{guid}/env", show),
    Endpoint("GET", "/v3/apps/{guid}/environment_variables", variables),
    Endpoint("PATCH", "/v3/apps/{guid}/environment_variables", update),
]
