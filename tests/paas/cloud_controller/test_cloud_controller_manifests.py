"""Manifests: applied by a job, compared, and made of an app."""

from __future__ import annotations

import os
from typing import Any

import pytest
import yaml

from tests.paas.cloud_controller.client import Api
from tests.paas.cloud_controller.peers import DeaPeer, StagerPeer
from tests.paas.cloud_controller.pushing import push

YAML = {"content-type": "application/x-yaml"}


async def apply(api: Api, space: str, *applications: dict[str, Any]) -> None:
    """Apply a manifest, and wait for its job."""
    content = yaml.safe_dump({"applications": list(applications)})
    await api.post(f"/v3/spaces/{space}/actions/apply_manifest", content=content, headers=YAML)


async def refused(api: Api, space: str, *applications: dict[str, Any]) -> str:
    """Why a manifest is not applied."""
    content = yaml.safe_dump({"applications": list(applications)})
    path = f"/v3/spaces/{space}/actions/apply_manifest"
    return (await api.fail(422, "POST", path, content=content, headers=YAML))["detail"]


async def found(api: Api, space: str, name: str) -> dict[str, Any]:
    resources = (await api.get("/v3/apps", names=name, space_guids=space))["resources"]
    assert len(resources) == 1
    return resources[0]


def named() -> str:
    return f"demo-{os.urandom(4).hex()}"


async def test_a_manifest_makes_the_app_its_process_and_its_default_route(admin: Api, space: str) -> None:
    name = named()
    app = {"name": name, "memory": "64M", "instances": 2, "env": {"PORTS": 5, "ON": True}, "default-route": True}
    await apply(admin, space, app)
    made = await found(admin, space, name)
    assert made["state"] == "STOPPED"
    web = await admin.get(f"/v3/apps/{made['guid']}/processes/web")
    assert (web["guid"], web["instances"], web["memory_in_mb"]) == (made["guid"], 2, 64)
    environment = (await admin.get(f"/v3/apps/{made['guid']}/env"))["environment_variables"]
    assert environment == {"PORTS": "5", "ON": "true"}
    manifest = yaml.safe_load((await admin.ask("GET", f"/v3/apps/{made['guid']}/manifest")).text)["applications"][0]
    assert manifest["routes"] == [{"route": f"{name}.apps.test", "protocol": "http1"}]
    assert manifest["processes"][0]["memory"] == "64M"


async def test_a_default_route_is_not_made_where_the_app_has_one(admin: Api, space: str) -> None:
    name = named()
    await apply(
        admin, space, {"name": name, "routes": [{"route": f"{name}-www.apps.test/path"}], "default-route": True}
    )
    await apply(admin, space, {"name": name, "default-route": True})
    app = await found(admin, space, name)
    manifest = yaml.safe_load((await admin.ask("GET", f"/v3/apps/{app['guid']}/manifest")).text)["applications"][0]
    assert [one["route"] for one in manifest["routes"]] == [f"{name}-www.apps.test/path"]
    await apply(admin, space, {"name": name, "no-route": True})
    manifest = yaml.safe_load((await admin.ask("GET", f"/v3/apps/{app['guid']}/manifest")).text)["applications"][0]
    assert manifest["no-route"] is True


async def test_processes_of_a_manifest_are_made(admin: Api, space: str) -> None:
    name = named()
    worker = {"type": "worker", "instances": 1, "memory": "1G", "command": "work", "health-check-type": "process"}
    web = {"type": "web", "health-check-type": "http", "health-check-http-endpoint": "/up", "timeout": 90}
    await apply(admin, space, {"name": name, "memory": "128M", "processes": [web, worker], "no-route": True})
    app = (await found(admin, space, name))["guid"]
    listed = (await admin.get(f"/v3/apps/{app}/processes"))["resources"]
    assert {one["type"]: one["memory_in_mb"] for one in listed} == {"web": 128, "worker": 1024}
    assert {one["command"] for one in listed} == {None, "[PRIVATE DATA HIDDEN IN LISTS]"}
    shown = await admin.get(f"/v3/apps/{app}/processes/web")
    assert shown["health_check"]["type"] == "http"
    assert (shown["health_check"]["data"]["endpoint"], shown["health_check"]["data"]["timeout"]) == ("/up", 90)
    assert (await admin.get(f"/v3/apps/{app}/processes/worker"))["command"] == "work"


@pytest.mark.parametrize(
    ("app", "words"),
    [
        ({"name": "a", "memory": "64"}, "Memory must use a supported unit"),
        ({"name": "a", "instances": "two"}, "instances: expected `int"),
        ({"name": "a", "instances": -1}, "Instances must be greater than or equal to 0"),
        ({"memory": "64M"}, "For application at index 0: Name must not be empty"),
        ({"name": "a", "buildpacks": ["none-such"]}, 'Buildpack "none-such" must be an existing admin buildpack'),
        ({"name": "a", "stack": "none-such"}, "Stack must be an existing stack"),
        ({"name": "a", "env": {"VCAP_X": "1"}}, "cannot start with VCAP_"),
        ({"name": "a", "routes": [{"route": "x.elsewhere.test"}]}, "did not match any existing domains"),
        ({"name": "a", "routes": [{"route": "not a url"}]}, "not a properly formed URL"),
        ({"name": "a", "docker": {"image": "x"}}, "docker images are not supported"),
        ({"name": "a", "health-check-type": "x"}, "health-check-type must be one of"),
    ],
)
async def test_what_is_wrong_is_told_with_the_app(admin: Api, space: str, app: dict[str, Any], words: str) -> None:
    detail = await refused(admin, space, app)
    assert words in detail
    assert detail.startswith("For application ")


@pytest.mark.parametrize("text", ["applications: [", "- a", "applications: {}", "x: &x [*x]\napplications: [*x]"])
async def test_what_is_no_manifest_is_refused(admin: Api, space: str, text: str) -> None:
    answer = await admin.ask("POST", f"/v3/spaces/{space}/actions/apply_manifest", content=text, headers=YAML)
    assert answer.status_code in (400, 422)
    assert answer.json()["errors"][0]["detail"]


async def test_references_that_would_fill_the_memory_are_refused(admin: Api, space: str) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    lines.append("applications: [{name: a, env: {X: *a9}}]")
    path = f"/v3/spaces/{space}/actions/apply_manifest"
    error = await admin.fail(400, "POST", path, content="\n".join(lines), headers=YAML)
    assert "refers to its own parts too often" in error["detail"]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
async def test_a_manifest_that_is_nested_without_end_is_refused(admin: Api, space: str, opening: str) -> None:
    path = f"/v3/spaces/{space}/actions/apply_manifest"
    error = await admin.fail(400, "POST", path, content=opening * 60_000, headers=YAML)
    assert "nested too deeply" in error["detail"]


async def test_a_difference_is_told(admin: Api, space: str) -> None:
    name = named()
    await apply(admin, space, {"name": name, "memory": "64M", "no-route": True})

    async def diff(app: dict[str, Any]) -> Any:
        content = yaml.safe_dump({"applications": [app]})
        return (await admin.post(f"/v3/spaces/{space}/manifest_diff", content=content, headers=YAML))["diff"]

    assert await diff({"name": name, "memory": "64MB"}) == []
    assert await diff({"name": name, "memory": "1G"}) == [
        {"op": "replace", "path": "/applications/0/memory", "was": "64M", "value": "1G"}
    ]
    assert await diff({"name": name, "env": {"A": "b"}}) == [
        {"op": "add", "path": "/applications/0/env", "value": {"A": "b"}}
    ]
    assert (await diff({"name": "new"}))[0]["op"] == "add"


async def test_an_app_that_runs_is_scaled_and_routed_by_its_manifest(
    admin: Api, space: str, dea: DeaPeer, stager: StagerPeer
) -> None:
    name = named()
    await apply(admin, space, {"name": name, "memory": "64M", "default-route": True})
    app = (await found(admin, space, name))["guid"]
    await push(admin, app)
    await dea.until(lambda: len(dea.of(app)) == 1)
    assert dea.of(app)[0].start.uris == [f"{name}.apps.test"]
    await apply(admin, space, {"name": name, "instances": 3, "routes": [{"route": f"{name}-2.apps.test"}]})
    both = [f"{name}-2.apps.test", f"{name}.apps.test"]
    await dea.until(lambda: len(dea.of(app)) == 3 and both in [one.uris for one in dea.updates if one.droplet == app])
