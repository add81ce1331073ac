"""Quotas: made, given, and kept."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from tests.paas.cloud_controller import tenants
from tests.paas.cloud_controller.client import Api
from tests.paas.cloud_controller.controller import Controller
from tests.paas.cloud_controller.tenants import to


async def quota(admin: Api, organization: str, **limits: Any) -> dict[str, Any]:
    body = {
        "name": tenants.name("quota"),
        "relationships": {"organizations": {"data": [{"guid": organization}]}},
        **limits,
    }
    return await admin.post("/v3/organization_quotas", body)


@pytest.fixture
async def org(admin: Api) -> str:
    return (await tenants.organization(admin))["guid"]


@pytest.fixture
async def room(admin: Api, org: str) -> str:
    return (await tenants.space(admin, org))["guid"]


async def test_a_quota_is_made_changed_and_given(admin: Api, org: str) -> None:
    made = await quota(admin, org, apps={"total_memory_in_mb": 2048}, routes={"total_routes": 1})
    assert made["apps"]["total_memory_in_mb"] == 2048
    assert made["apps"]["total_instances"] is None
    assert made["services"]["paid_services_allowed"] is True
    assert made["relationships"]["organizations"]["data"] == [{"guid": org}]
    path = f"/v3/organization_quotas/{made['guid']}"
    changed = await admin.patch(path, {"apps": {"total_instances": 3}, "services": {"paid_services_allowed": False}})
    assert (changed["apps"]["total_memory_in_mb"], changed["apps"]["total_instances"]) == (2048, 3)
    assert changed["services"]["paid_services_allowed"] is False
    taken = await admin.fail(422, "POST", "/v3/organization_quotas", {"name": made["name"]})
    assert taken["detail"] == f"Organization Quota '{made['name']}' already exists."
    assert "is applied to one or more organizations" in (await admin.fail(422, "DELETE", path))["detail"]
    default = (await admin.get("/v3/organization_quotas", names="default"))["resources"][0]["guid"]
    await admin.post(f"/v3/organization_quotas/{default}/relationships/organizations", {"data": [{"guid": org}]})
    await admin.delete(path)
    assert (await admin.fail(404, "GET", path))["detail"] == "Organization quota not found"


async def test_a_space_quota_is_made_given_and_taken_away(admin: Api, org: str, room: str) -> None:
    body = {
        "name": tenants.name("small"),
        "routes": {"total_routes": 0},
        "relationships": {"organization": to(org), "spaces": {"data": [{"guid": room}]}},
    }
    made = await admin.post("/v3/space_quotas", body)
    taken = await admin.fail(422, "POST", "/v3/space_quotas", body)
    assert taken["detail"] == f"Space Quota '{body['name']}' already exists."
    assert (await admin.get(f"/v3/spaces/{room}"))["relationships"]["quota"]["data"] == {"guid": made["guid"]}
    below = await tenants.domain(admin)
    error = await admin.fail(
        422, "POST", "/v3/routes", {"host": "x", "relationships": {"space": to(room), "domain": to(below["guid"])}}
    )
    assert error["detail"].startswith("Routes quota exceeded for space '")
    path = f"/v3/space_quotas/{made['guid']}"
    await admin.delete(f"{path}/relationships/spaces/{room}")
    await tenants.route(admin, room, below["guid"])
    elsewhere = await tenants.space(admin, (await tenants.organization(admin))["guid"])
    outside = await admin.fail(422, "POST", f"{path}/relationships/spaces", {"data": [{"guid": elsewhere["guid"]}]})
    assert outside["detail"] == "Space quotas cannot be applied outside of their owning organization."
    await admin.delete(path)
    assert (await admin.fail(404, "GET", path))["detail"] == "Space quota not found"


async def test_two_routes_at_once_do_not_both_fit_into_the_last_place(admin: Api, org: str, room: str) -> None:
    await quota(admin, org, routes={"total_routes": 2})
    below = (await tenants.domain(admin))["guid"]
    body = {"relationships": {"space": to(room), "domain": to(below)}}
    answers = await asyncio.gather(
        *[admin.ask("POST", "/v3/routes", {"host": f"r{index}", **body}) for index in range(6)]
    )
    assert sorted(one.status_code for one in answers) == [201, 201, 422, 422, 422, 422]
    listed = await admin.get("/v3/routes", organization_guids=org)
    assert listed["pagination"]["total_results"] == 2


async def test_private_domains_count(admin: Api, org: str) -> None:
    await quota(admin, org, domains={"total_domains": 1})
    await tenants.domain(admin, owner=org)
    body = {"name": "more.example.test", "relationships": {"organization": to(org)}}
    assert "exceeds the quota for organization" in (await admin.fail(422, "POST", "/v3/domains", body))["detail"]


@pytest.mark.parametrize(
    ("limits", "memory", "instances", "words"),
    [
        ({"total_memory_in_mb": 512}, 256, 3, "memory quota_exceeded"),
        ({"per_process_memory_in_mb": 128}, 256, 1, "memory instance_memory_limit_exceeded"),
        ({"total_instances": 2}, 64, 3, "app_instance_limit app_instance_limit_exceeded"),
        ({"total_memory_in_mb": 768, "total_instances": 3}, 256, 3, ""),
    ],
)
async def test_what_started_apps_use_counts(
    admin: Api,
    controller: Controller,
    org: str,
    room: str,
    limits: dict[str, int],
    memory: int,
    instances: int,
    words: str,
) -> None:
    await quota(admin, org, apps=limits)
    app = await admin.post("/v3/apps", {"name": "a", "relationships": {"space": to(room)}})
    scale = f"/v3/apps/{app['guid']}/processes/web/actions/scale"
    size = {"memory_in_mb": memory, "instances": instances}
    # a stopped app may be of any size: it is the start that counts
    await admin.post(scale, size)
    with psycopg.connect(controller.database, autocommit=True) as db:
        db.execute("UPDATE apps SET droplet_guid = 'one' WHERE guid = %s", [app["guid"]])
    start = f"/v3/apps/{app['guid']}/actions/start"
    if not words:
        assert (await admin.post(start))["state"] == "STARTED"
        over = await admin.fail(422, "POST", scale, {"instances": instances + 1})
        assert over["detail"] == "memory quota_exceeded"
        return
    assert (await admin.fail(422, "POST", start))["detail"] == words
    assert (await admin.get(f"/v3/apps/{app['guid']}"))["state"] == "STOPPED"
    await admin.post(scale, {"memory_in_mb": 64, "instances": 1})
    await admin.post(start)
    assert (await admin.fail(422, "POST", scale, size))["detail"] == words
