"""Domains and routes, where they lead, and that the DEAs hear of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.paas.cloud_controller import tenants
from tests.paas.cloud_controller.client import Api
from tests.paas.cloud_controller.peers import DeaPeer, StagerPeer
from tests.paas.cloud_controller.pushing import push
from tests.paas.cloud_controller.tenants import to


@pytest.fixture
async def org(admin: Api) -> str:
    return (await tenants.organization(admin))["guid"]


@pytest.fixture
async def room(admin: Api, org: str) -> str:
    return (await tenants.space(admin, org))["guid"]


@pytest.fixture
async def shared(admin: Api) -> dict[str, Any]:
    return await tenants.domain(admin)


async def make_app(admin: Api, space: str) -> str:
    body = {"name": tenants.name("app"), "relationships": {"space": to(space)}}
    return (await admin.post("/v3/apps", body))["guid"]


async def test_a_route_is_made_found_and_deleted(admin: Api, room: str, shared: dict[str, Any]) -> None:
    made = await tenants.route(
        admin, room, shared["guid"], host="Shop", path="/cart", options={"loadbalancing": "least-connection"}
    )
    assert made["url"] == f"shop.{shared['name']}/cart"
    assert (made["protocol"], made["options"]) == ("http", {"loadbalancing": "least-connection"})
    again = {"host": "shop", "path": "/cart", "relationships": {"space": to(room), "domain": to(shared["guid"])}}
    taken = await admin.fail(422, "POST", "/v3/routes", again)
    assert taken["detail"] == f"Route already exists with host 'shop' and path '/cart' for domain '{shared['name']}'."
    found = await admin.get(
        "/v3/routes",
        domain_guids=shared["guid"],
        hosts="shop",
        paths="/cart",
        include="space,domain,space.organization",
    )
    assert [one["guid"] for one in found["resources"]] == [made["guid"]]
    assert found["included"]["spaces"][0]["guid"] == room
    assert found["included"]["domains"][0]["name"] == shared["name"]
    reservations = f"/v3/domains/{shared['guid']}/route_reservations"
    assert (await admin.get(f"{reservations}?host=shop&path=/cart"))["matching_route"] is True
    assert (await admin.get(reservations, host="shop"))["matching_route"] is False
    path = f"/v3/routes/{made['guid']}"
    changed = await admin.patch(path, {"options": {"loadbalancing": None}, "metadata": {"labels": {"a": "b"}}})
    assert (changed["options"], changed["metadata"]["labels"]) == ({}, {"a": "b"})
    await admin.delete(path)
    assert (await admin.fail(404, "GET", path))["detail"] == "Route not found"


async def test_where_a_route_leads_is_told_to_the_deas(
    admin: Api, room: str, shared: dict[str, Any], dea: DeaPeer
) -> None:
    app = await make_app(admin, room)
    route = await tenants.route(admin, room, shared["guid"], host="one")
    path = f"/v3/routes/{route['guid']}/destinations"
    url = f"one.{shared['name']}"

    def told(*uris: str) -> bool:
        mine = [one.uris for one in dea.updates if one.droplet == app]
        return bool(mine) and mine[-1] == list(uris)

    led = await admin.post(path, {"destinations": [{"app": {"guid": app}}]})
    one = led["destinations"][0]
    assert one["app"] == {"guid": app, "process": {"type": "web"}}
    assert (one["port"], one["protocol"], one["weight"]) == (8080, "http1", None)
    await dea.until(lambda: told(url))
    again = await admin.post(path, {"destinations": [{"app": {"guid": app}}]})
    assert [one["guid"] for one in again["destinations"]] == [one["guid"]]
    shown = await admin.get(f"/v3/apps/{app}/routes")
    assert [(one["url"], len(one["destinations"])) for one in shown["resources"]] == [(url, 1)]
    second = await tenants.route(admin, room, shared["guid"], host="two")
    await admin.post(f"/v3/routes/{second['guid']}/destinations", {"destinations": [{"app": {"guid": app}}]})
    await dea.until(lambda: told(url, f"two.{shared['name']}"))
    assert (await admin.ask("DELETE", f"{path}/{one['guid']}")).status_code == 204
    await dea.until(lambda: told(f"two.{shared['name']}"))
    await admin.delete(f"/v3/routes/{second['guid']}")
    await dea.until(told)
    events = await admin.get("/v3/audit_events", target_guids=app, types="audit.app.map-route,audit.app.unmap-route")
    assert len(events["resources"]) == 3


async def test_destinations_are_replaced_as_a_whole(admin: Api, room: str, shared: dict[str, Any]) -> None:
    first, second = await make_app(admin, room), await make_app(admin, room)
    route = await tenants.route(admin, room, shared["guid"])
    path = f"/v3/routes/{route['guid']}/destinations"
    await admin.post(path, {"destinations": [{"app": {"guid": first}}]})
    replaced = await admin.patch(path, {"destinations": [{"app": {"guid": second}, "protocol": "http2"}]})
    assert [one["app"]["guid"] for one in replaced["destinations"]] == [second]
    changed = await admin.patch(f"{path}/{replaced['destinations'][0]['guid']}", {"protocol": "http1"})
    assert changed["protocol"] == "http1"
    assert (await admin.patch(path, {"destinations": []}))["destinations"] == []
    found = await admin.get("/v3/routes", app_guids=f"{first},{second}")
    assert found["resources"] == []


async def test_routes_that_lead_nowhere_are_swept_away(admin: Api, room: str, shared: dict[str, Any]) -> None:
    kept = await tenants.route(admin, room, shared["guid"])
    body = {"destinations": [{"app": {"guid": await make_app(admin, room)}}]}
    await admin.post(f"/v3/routes/{kept['guid']}/destinations", body)
    await tenants.route(admin, room, shared["guid"])
    assert "unmapped=true" in (await admin.fail(422, "DELETE", f"/v3/spaces/{room}/routes"))["detail"]
    await admin.delete(f"/v3/spaces/{room}/routes?unmapped=true")
    left = await admin.get("/v3/routes", space_guids=room)
    assert [one["guid"] for one in left["resources"]] == [kept["guid"]]


async def test_domains_of_organizations_and_of_all(admin: Api, org: str, room: str) -> None:
    own = await tenants.domain(admin, owner=org)
    other = await tenants.organization(admin)
    away = await tenants.space(admin, other["guid"])
    listed = await admin.get(f"/v3/organizations/{org}/domains", names=own["name"])
    assert listed["resources"][0]["relationships"]["organization"]["data"]["guid"] == org
    bare = await tenants.route(admin, room, own["guid"], host=None)
    assert bare["url"] == own["name"]
    body = {"relationships": {"space": to(away["guid"]), "domain": to(own["guid"])}, "host": "x"}
    refused = await admin.fail(422, "POST", "/v3/routes", body)
    assert refused["detail"] == (
        f"Invalid domain. Domain '{own['name']}' is not available in organization '{other['name']}'."
    )
    path = f"/v3/domains/{own['guid']}"
    await admin.post(f"{path}/relationships/shared_organizations", {"data": [{"guid": other["guid"]}]})
    await admin.post("/v3/routes", body)
    assert "Unshare before deleting" in (await admin.fail(422, "DELETE", path))["detail"]
    used = await admin.fail(422, "DELETE", f"{path}/relationships/shared_organizations/{other['guid']}")
    assert "associated routes" in used["detail"]
    await admin.delete(f"/v3/spaces/{away['guid']}")
    assert (await admin.ask("DELETE", f"{path}/relationships/shared_organizations/{other['guid']}")).status_code == 204
    await admin.delete(path)
    assert (await admin.get("/v3/routes", guids=bare["guid"]))["resources"] == []
    inner = await tenants.domain(admin, internal=True)
    assert inner["internal"] is True
    default = await admin.get(f"/v3/organizations/{org}/domains/default")
    assert (default["name"], default["supported_protocols"]) == ("apps.test", ["http"])


async def test_a_host_belongs_to_the_space_that_has_it(admin: Api, org: str, room: str, shared: dict[str, Any]) -> None:
    route = await tenants.route(admin, room, shared["guid"], host="mine")
    away = await tenants.space(admin, org)
    body = {
        "host": "mine",
        "path": "/sub",
        "relationships": {"space": to(away["guid"]), "domain": to(shared["guid"])},
    }
    refused = await admin.fail(422, "POST", "/v3/routes", body)
    assert refused["detail"] == "Routes for this host and domain have been reserved for another space."
    path = f"/v3/routes/{route['guid']}"
    app = await make_app(admin, away["guid"])
    elsewhere = await admin.fail(422, "POST", f"{path}/destinations", {"destinations": [{"app": {"guid": app}}]})
    assert "must be in either the route's space" in elsewhere["detail"]
    assert (
        "not offered"
        in (await admin.fail(422, "POST", f"{path}/relationships/shared_spaces", {"data": [{"guid": away["guid"]}]}))[
            "detail"
        ]
    )
    await admin.patch(f"{path}/relationships/space", {"data": {"guid": away["guid"]}})
    assert (await admin.get(path))["relationships"]["space"]["data"]["guid"] == away["guid"]


async def test_security_groups_are_made_bound_and_deleted(admin: Api, room: str) -> None:
    rules = [{"protocol": "tcp", "destination": "10.1.0.0/16,10.2.0.1-10.2.0.9", "ports": "443,8000-8100"}]
    body = {
        "name": tenants.name("group"),
        "rules": rules,
        "relationships": {"running_spaces": {"data": [{"guid": room}]}},
    }
    made = await admin.post("/v3/security_groups", body)
    taken = await admin.fail(422, "POST", "/v3/security_groups", body)
    assert taken["detail"] == f"Security group with name '{body['name']}' already exists."
    running = await admin.get(f"/v3/spaces/{room}/running_security_groups", names=body["name"])
    assert running["resources"][0]["rules"] == rules
    path = f"/v3/security_groups/{made['guid']}"
    await admin.post(f"{path}/relationships/staging_spaces", {"data": [{"guid": room}]})
    assert (await admin.get(path))["relationships"]["staging_spaces"]["data"] == [{"guid": room}]
    assert (await admin.ask("DELETE", f"{path}/relationships/running_spaces/{room}")).status_code == 204
    changed = await admin.patch(path, {"globally_enabled": {"running": True}, "rules": []})
    assert changed["globally_enabled"] == {"running": True, "staging": False}
    await admin.delete(path)
    assert (await admin.fail(404, "GET", path))["detail"] == "Security group not found"


async def test_an_app_starts_with_its_routes_services_and_rules(
    admin: Api, room: str, shared: dict[str, Any], dea: DeaPeer, stager: StagerPeer
) -> None:
    app = await make_app(admin, room)
    route = await tenants.route(admin, room, shared["guid"], host="start")
    await admin.post(f"/v3/routes/{route['guid']}/destinations", {"destinations": [{"app": {"guid": app}}]})
    provided = {
        "type": "user-provided",
        "name": "mail",
        "credentials": {"host": "smtp.test"},
        "relationships": {"space": to(room)},
    }
    instance = await admin.post("/v3/service_instances", provided)
    await admin.post(
        "/v3/service_credential_bindings",
        {"type": "app", "relationships": {"app": to(app), "service_instance": to(instance["guid"])}},
    )
    rules = [{"protocol": "tcp", "destination": "10.1.0.0/16,10.2.0.1-10.2.0.9", "ports": "443"}]
    running = {"running_spaces": {"data": [{"guid": room}]}}
    await admin.post("/v3/security_groups", {"name": tenants.name("group"), "rules": rules, "relationships": running})
    await push(admin, app)
    await dea.until(lambda: len(dea.of(app)) == 1)
    start = dea.of(app)[0].start
    assert start.uris == [f"start.{shared['name']}"]
    assert [(one["label"], one["name"], one["credentials"]) for one in start.services] == [
        ("user-provided", "mail", {"host": "smtp.test"})
    ]
    assert [one["destination"] for one in start.egress_network_rules] == ["10.1.0.0/16", "10.2.0.1-10.2.0.9"]
    await admin.delete(f"/v3/spaces/{room}")
    await dea.until(lambda: dea.of(app) == [])


async def test_variables_of_all_apps(admin: Api, room: str) -> None:
    path = "/v3/environment_variable_groups/running"
    assert (await admin.fail(404, "GET", "/v3/environment_variable_groups/x"))["title"] == "CF-ResourceNotFound"
    try:
        assert (await admin.patch(path, {"var": {"ZONE": "z1", "GONE": "x"}}))["var"] == {"ZONE": "z1", "GONE": "x"}
        assert (await admin.patch(path, {"var": {"GONE": None}}))["var"] == {"ZONE": "z1"}
        assert "PORT" in (await admin.fail(422, "PATCH", path, {"var": {"PORT": "1"}}))["detail"]
        shown = await admin.get(f"/v3/apps/{await make_app(admin, room)}/env")
        assert (shown["running_env_json"], shown["staging_env_json"]) == ({"ZONE": "z1"}, {})
    finally:
        await admin.patch(path, {"var": {"ZONE": None}})
