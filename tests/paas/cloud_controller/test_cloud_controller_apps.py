"""Apps and their processes: changed, scaled, stopped, deleted, and who may do what."""

from __future__ import annotations

from typing import Any

import pytest

from tests.paas.cloud_controller.client import Api
from tests.paas.cloud_controller.controller import Controller
from tests.paas.cloud_controller.keys_peer import KeysPeer
from tests.paas.cloud_controller.peers import DeaPeer, StagerPeer
from tests.paas.cloud_controller.pushing import push
from tests.paas.cloud_controller.tenants import name, role, to


@pytest.fixture
async def running(admin: Api, app: str, dea: DeaPeer, stager: StagerPeer) -> str:
    """An app with two instances, which run on `dea`."""
    await admin.post(f"/v3/apps/{app}/processes/web/actions/scale", {"instances": 2})
    await push(admin, app)
    await dea.until(lambda: len(dea.of(app)) == 2)
    return app


def indices(dea: DeaPeer, app: str) -> list[int]:
    return [one.start.index for one in dea.of(app)]


async def test_an_app_is_made_listed_and_changed(admin: Api, space: str) -> None:
    called = name("app")
    body: dict[str, Any] = {
        "name": called,
        "relationships": {"space": to(space)},
        "environment_variables": {"A": "b"},
        "metadata": {"labels": {"team": "blue"}},
    }
    made = await admin.post("/v3/apps", body)
    assert (made["state"], made["lifecycle"]["data"]) == ("STOPPED", {"buildpacks": [], "stack": "cflinuxfs-deb12"})
    assert made["relationships"]["current_droplet"] == {"data": None}
    error = await admin.fail(422, "POST", "/v3/apps", body)
    assert error["detail"] == f"App with the name '{called}' already exists."
    found = await admin.get("/v3/apps", names=called, space_guids=space, label_selector="team in (blue,red)")
    assert [one["guid"] for one in found["resources"]] == [made["guid"]]
    assert (await admin.get("/v3/apps", space_guids=space, label_selector="!team"))["resources"] == []
    changed = await admin.patch(
        f"/v3/apps/{made['guid']}", {"name": called + "-2", "metadata": {"labels": {"team": None}}}
    )
    assert (changed["name"], changed["metadata"]["labels"]) == (called + "-2", {})


async def test_an_environment_is_kept_sealed(admin: Api, app: str, controller: Controller) -> None:
    import psycopg

    path = f"/v3/apps/{app}/environment_variables"
    await admin.patch(path, {"var": {"SECRET": "hunter2", "OTHER": "x"}})
    assert (await admin.patch(path, {"var": {"OTHER": None}}))["var"] == {"SECRET": "hunter2"}
    environment = await admin.get(f"/v3/apps/{app}/env")
    assert environment["environment_variables"] == {"SECRET": "hunter2"}
    assert environment["application_env_json"]["VCAP_APPLICATION"]["application_id"] == app
    for bad in ({"VCAP_X": "1"}, {"PORT": "1"}, {"A": 1}, {"": "x"}):
        assert "nvironment variable" in (await admin.fail(422, "PATCH", path, {"var": bad}))["detail"]
    with psycopg.connect(controller.database) as db:
        row = db.execute("SELECT environment FROM apps WHERE guid = %s", [app]).fetchone()
    assert row is not None
    assert "hunter2" not in row[0]
    assert "hunter2" not in controller.log.read_text()


async def test_scaling_starts_and_stops_instances(admin: Api, running: str, dea: DeaPeer) -> None:
    path = f"/v3/apps/{running}/processes/web/actions/scale"
    await admin.post(path, {"instances": 4})
    await dea.until(lambda: indices(dea, running) == [0, 1, 2, 3])
    assert len({one.start.version for one in dea.of(running)}) == 1
    await admin.post(path, {"instances": 1})
    await dea.until(lambda: indices(dea, running) == [0])
    assert (await admin.post(path, {"memory_in_mb": 512}))["memory_in_mb"] == 512
    await admin.post(f"/v3/apps/{running}/actions/restart")
    await dea.until(lambda: [one.start.limits.mem for one in dea.of(running)] == [512])
    for bad in ({"instances": -1}, {"memory_in_mb": 0}, {"instances": "x"}, {"other": 1}):
        await admin.fail(422, "POST", path, bad)


async def test_stopped_is_stopped_and_a_start_is_of_a_new_version(admin: Api, running: str, dea: DeaPeer) -> None:
    before = dea.of(running)[0].start.version
    await admin.post(f"/v3/apps/{running}/actions/stop")
    await dea.until(lambda: not dea.of(running))
    assert (await admin.get(f"/v3/apps/{running}/processes/web/stats"))["resources"] == []
    await admin.post(f"/v3/apps/{running}/actions/start")
    await dea.until(lambda: len(dea.of(running)) == 2)
    assert dea.of(running)[0].start.version != before
    await admin.post(f"/v3/apps/{running}/actions/start")
    await admin.post(f"/v3/apps/{running}/processes/web/actions/scale", {"instances": 3})
    await dea.until(lambda: len(dea.of(running)) == 3)


async def test_one_instance_is_ended_and_comes_again(admin: Api, running: str, dea: DeaPeer) -> None:
    before = {one.guid for one in dea.of(running)}
    assert (await admin.ask("DELETE", f"/v3/apps/{running}/processes/web/instances/1")).status_code == 204
    await dea.until(lambda: len(dea.of(running)) == 2 and len(before & {one.guid for one in dea.of(running)}) == 1)
    assert indices(dea, running) == [0, 1]
    error = await admin.fail(404, "DELETE", f"/v3/apps/{running}/processes/web/instances/7")
    assert error["detail"] == "Instance not found"


async def test_a_health_check_is_told_to_the_dea(admin: Api, running: str, dea: DeaPeer) -> None:
    path = f"/v3/processes/{running}"
    check = {"type": "http", "data": {"endpoint": "/up", "timeout": 90, "invocation_timeout": 5}}
    shown = await admin.patch(path, {"command": "run me", "health_check": check})
    assert (shown["command"], shown["health_check"]["data"]["endpoint"]) == ("run me", "/up")
    await admin.post(f"/v3/apps/{running}/actions/restart")
    await dea.until(lambda: [one.start.start_command for one in dea.of(running)] == ["run me"] * 2)
    told = dea.of(running)[0].start.health_check
    assert (told.type, told.endpoint, told.timeout, told.invocation_timeout) == ("http", "/up", 90, 5)
    for bad in ({"type": "port", "data": {"endpoint": "/x"}}, {"type": "port", "data": {"timeout": 0}}, {"type": "x"}):
        await admin.fail(422, "PATCH", path, {"health_check": bad})


async def test_an_app_that_fits_nowhere_says_so(admin: Api, running: str, dea: DeaPeer) -> None:
    await admin.post(f"/v3/apps/{running}/processes/web/actions/scale", {"memory_in_mb": 50_000})
    await admin.post(f"/v3/apps/{running}/actions/restart")
    stats: list[dict[str, Any]] = []
    while not any(one["details"] for one in stats):
        stats = (await admin.get(f"/v3/apps/{running}/processes/web/stats"))["resources"]
    assert [(one["state"], one["details"]) for one in stats] == [
        ("DOWN", "insufficient resources: memory (50000 MB)")
    ] * 2


async def test_a_deleted_app_runs_no_more(admin: Api, running: str, dea: DeaPeer) -> None:
    droplet = (await admin.get(f"/v3/apps/{running}/droplets/current"))["guid"]
    await admin.delete(f"/v3/apps/{running}")
    await dea.until(lambda: not dea.of(running))
    assert (await admin.fail(404, "GET", f"/v3/apps/{running}"))["detail"] == "App not found"
    assert (await admin.fail(404, "GET", f"/v3/droplets/{droplet}"))["detail"] == "Droplet not found"
    events = await admin.get("/v3/audit_events", target_guids=running, order_by="-created_at")
    told = [one["type"] for one in events["resources"]]
    assert told[0] == "audit.app.delete-request"
    assert {"audit.app.create", "audit.app.restart", "audit.app.build.create", "audit.app.droplet.mapped"} <= {*told}


async def test_roles_decide(admin: Api, app: str, space: str, controller: Controller, keys: KeysPeer) -> None:
    organization = (await admin.get(f"/v3/spaces/{space}"))["relationships"]["organization"]["data"]["guid"]
    tokens: dict[str, str] = {}
    for kind in ("space_developer", "space_auditor", "space_supporter", "organization_auditor", ""):
        called = name(kind or "stranger")
        tokens[kind] = keys.token(called)
        user = {"username": called, "origin": "uaa"}
        if kind:
            await role(admin, "organization_user", user, organization)
            await role(admin, kind, user, space if kind.startswith("space") else organization)

    async def statuses(method: str, path: str, body: Any = None) -> dict[str, int]:
        found: dict[str, int] = {}
        for kind, token in tokens.items():
            async with Api(controller.url, token) as api:
                found[kind] = (await api.ask(method, path, body)).status_code
        return found

    seen = {"space_developer": 200, "space_auditor": 200, "space_supporter": 200, "organization_auditor": 404, "": 404}
    assert await statuses("GET", f"/v3/apps/{app}") == seen
    assert await statuses("PATCH", f"/v3/apps/{app}", {}) == {
        **seen,
        "space_auditor": 403,
        "space_supporter": 403,
    }
    assert await statuses("GET", f"/v3/apps/{app}/env") == {**seen, "space_auditor": 403, "space_supporter": 403}
    scaled = await statuses("POST", f"/v3/apps/{app}/processes/web/actions/scale", {"instances": 1})
    assert scaled == {**seen, "space_developer": 202, "space_supporter": 202, "space_auditor": 403}
    async with Api(controller.url, tokens[""]) as api:
        assert (await api.get("/v3/apps"))["resources"] == []
        assert (await api.fail(403, "POST", "/v3/buildpacks", {"name": "x"}))["title"] == "CF-NotAuthorized"
    async with Api(controller.url, tokens["space_auditor"]) as api:
        assert [one["guid"] for one in (await api.get("/v3/apps"))["resources"]] == [app]
        assert (await api.get(f"/v3/apps/{app}/permissions")) == {"read_basic_data": True, "read_sensitive_data": False}


async def test_features_are_switched(admin: Api, app: str) -> None:
    path = f"/v3/apps/{app}/features"
    assert (await admin.patch(f"{path}/revisions", {"enabled": False}))["enabled"] is False
    listed = {one["name"]: one["enabled"] for one in (await admin.get(path))["resources"]}
    assert (listed["revisions"], listed["ssh"]) == (False, False)
    assert (await admin.fail(404, "GET", f"{path}/none"))["detail"] == "Feature not found"
