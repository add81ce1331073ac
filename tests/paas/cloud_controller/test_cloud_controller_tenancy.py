"""Organizations, spaces, users and their roles."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.paas.cloud_controller import tenants
from tests.paas.cloud_controller.client import Api
from tests.paas.cloud_controller.controller import Controller
from tests.paas.cloud_controller.keys_peer import KeysPeer
from tests.paas.cloud_controller.tenants import to


@pytest.fixture
async def org(admin: Api) -> dict[str, str]:
    return await tenants.organization(admin)


@pytest.fixture
async def room(admin: Api, org: dict[str, str]) -> dict[str, str]:
    return await tenants.space(admin, org["guid"])


@pytest.fixture
async def user(controller: Controller, keys: KeysPeer) -> AsyncIterator[Api]:
    """A user without any role; `user.name` is the name."""
    called = tenants.name("user")
    async with Api(controller.url, keys.token(called)) as one:
        one.name = called  # type: ignore[attr-defined]
        yield one


def username(user: Api) -> dict[str, str]:
    return {"username": user.name, "origin": "uaa"}  # type: ignore[attr-defined]


async def test_an_organization_is_made_renamed_and_deleted(admin: Api) -> None:
    made = await tenants.organization(admin)
    assert made["suspended"] is False
    assert made["relationships"]["quota"]["data"]["guid"]
    again = await admin.fail(422, "POST", "/v3/organizations", {"name": made["name"]})
    assert again["detail"] == f"Organization '{made['name']}' already exists."
    path = f"/v3/organizations/{made['guid']}"
    changed = await admin.patch(path, {"name": made["name"] + "-2", "metadata": {"labels": {"env": "test"}}})
    assert changed["metadata"]["labels"] == {"env": "test"}
    found = await admin.get("/v3/organizations", names=changed["name"], order_by="name")
    assert [one["guid"] for one in found["resources"]] == [made["guid"]]
    assert (await admin.get("/v3/organizations", label_selector="env=test"))["resources"]
    await admin.delete(path + "/")
    assert (await admin.fail(404, "GET", path))["detail"] == "Organization not found"


async def test_what_the_client_shows_of_an_organization_and_a_space(
    admin: Api, org: dict[str, str], room: dict[str, str]
) -> None:
    path, inside = f"/v3/organizations/{org['guid']}", f"/v3/spaces/{room['guid']}"
    assert (await admin.get(f"{path}/relationships/default_isolation_segment"))["data"] is None
    domains = await admin.get(f"{path}/domains")
    assert "apps.test" in [one["name"] for one in domains["resources"]]
    assert (await admin.get(f"{path}/domains/default"))["name"] == "apps.test"
    quota = org["relationships"]["quota"]["data"]["guid"]  # type: ignore[index]
    assert (await admin.get(f"/v3/organization_quotas/{quota}"))["name"] == "default"
    assert (await admin.get(f"{inside}/relationships/isolation_segment"))["data"] is None
    for phase in ("running", "staging"):
        assert (await admin.get(f"{inside}/{phase}_security_groups"))["resources"] == []
    assert (await admin.get(f"{inside}/features/ssh"))["enabled"] is True
    assert (await admin.get("/v3/isolation_segments"))["resources"] == []
    found = await admin.get("/v3/spaces", organization_guids=org["guid"], order_by="name", include="organization")
    assert [one["guid"] for one in found["resources"]] == [room["guid"]]
    assert found["included"]["organizations"][0]["guid"] == org["guid"]
    taken = await admin.fail(
        422, "POST", "/v3/spaces", {"name": room["name"], "relationships": {"organization": to(org["guid"])}}
    )
    assert taken["detail"] == "Name must be unique per organization"


async def test_create_space_asks_for_organization_user_twice(
    admin: Api, org: dict[str, str], room: dict[str, str], user: Api
) -> None:
    body = {
        "type": "organization_user",
        "relationships": {"user": {"data": username(user)}, "organization": to(org["guid"])},
    }
    assert (await admin.ask("POST", "/v3/roles", body)).status_code == 201
    again = await admin.fail(422, "POST", "/v3/roles", body)
    assert again["detail"] == (
        f"User '{user.name}' already has 'organization_user' role in organization '{org['name']}'."  # type: ignore[attr-defined]
    )
    await tenants.role(admin, "space_manager", username(user), room["guid"])
    twice = {"type": "space_manager", "relationships": {"user": {"data": username(user)}, "space": to(room["guid"])}}
    assert (await admin.fail(422, "POST", "/v3/roles", twice))["detail"] == (
        f"User '{user.name}' already has 'space_manager' role in space '{room['name']}'."  # type: ignore[attr-defined]
    )
    found = await admin.get("/v3/roles", include="user", space_guids=room["guid"])
    assert found["included"]["users"][0]["username"] == user.name  # type: ignore[attr-defined]
    assert found["included"]["users"][0]["origin"] == "uaa"


async def test_roles_decide_what_is_seen_and_done(
    admin: Api, org: dict[str, str], room: dict[str, str], user: Api
) -> None:
    inside = f"/v3/spaces/{room['guid']}"
    assert (await user.get("/v3/organizations"))["resources"] == []
    assert (await user.fail(404, "GET", inside))["detail"] == "Space not found"
    refused = {"type": "space_auditor", "relationships": {"user": {"data": username(user)}, "space": to(room["guid"])}}
    assert (
        "do not have a role in that space's organization"
        in (await admin.fail(422, "POST", "/v3/roles", refused))["detail"]
    )
    member = await tenants.role(admin, "organization_user", username(user), org["guid"])
    auditor = await tenants.role(admin, "space_auditor", username(user), room["guid"])
    assert (await user.get(inside))["name"] == room["name"]
    assert (await user.get("/v3/spaces"))["pagination"]["total_results"] == 1
    assert (await user.fail(403, "PATCH", inside, {"name": "mine"}))["title"] == "CF-NotAuthorized"
    assert (await user.fail(403, "DELETE", inside))["title"] == "CF-NotAuthorized"
    still = await admin.fail(422, "DELETE", f"/v3/roles/{member['guid']}")
    assert "while user has roles in spaces" in still["detail"]
    await tenants.role(admin, "organization_manager", username(user), org["guid"])
    assert (await user.patch(inside, {"name": "mine"}))["name"] == "mine"
    await admin.delete(f"/v3/roles/{auditor['guid']}")
    assert (await admin.get("/v3/roles", guids=auditor["guid"]))["resources"] == []
    events = await admin.get(
        "/v3/audit_events", organization_guids=org["guid"], types="audit.user.space_auditor_remove"
    )
    assert events["resources"][0]["target"]["name"] == user.name  # type: ignore[attr-defined]


async def test_a_suspended_organization_is_closed_to_its_users(admin: Api, org: dict[str, str], user: Api) -> None:
    await tenants.role(admin, "organization_user", username(user), org["guid"])
    await tenants.role(admin, "organization_manager", username(user), org["guid"])
    await admin.patch(f"/v3/organizations/{org['guid']}", {"suspended": True})
    body = {"name": "s", "relationships": {"organization": to(org["guid"])}}
    assert "suspended" in (await user.fail(403, "POST", "/v3/spaces", body))["detail"]
    await tenants.space(admin, org["guid"])


async def test_users_are_known_by_what_the_uaa_says(admin: Api, keys: KeysPeer) -> None:
    called = tenants.name("new")
    guid = tenants.name("guid")
    keys.users[guid] = called
    made = await admin.post("/v3/users", {"guid": guid})
    assert (made["username"], made["presentation_name"]) == (called, called)
    assert "already exists" in (await admin.fail(422, "POST", "/v3/users", {"guid": guid}))["detail"]
    client = await admin.post("/v3/users", {"guid": tenants.name("client")})
    assert (client["username"], client["presentation_name"]) == (None, client["guid"])
    assert [one["guid"] for one in (await admin.get("/v3/users", usernames=called))["resources"]] == [guid]
    assert (await admin.get("/v3/users", partial_usernames=called[2:]))["resources"]
    await admin.delete(f"/v3/users/{guid}")
    assert (await admin.fail(404, "GET", f"/v3/users/{guid}"))["detail"] == "User not found"


async def test_a_user_may_make_an_organization_where_the_flag_allows_it(admin: Api, user: Api) -> None:
    body = {"name": tenants.name("own")}
    refused = await user.fail(403, "POST", "/v3/organizations", body)
    assert (refused["title"], refused["detail"]) == ("CF-FeatureDisabled", "Feature Disabled: user_org_creation")
    await admin.patch("/v3/feature_flags/user_org_creation", {"enabled": True})
    try:
        made = await user.post("/v3/organizations", body)
        assert await tenants.space(user, made["guid"])
    finally:
        await admin.patch("/v3/feature_flags/user_org_creation", {"enabled": False})
    flags = {one["name"]: one["enabled"] for one in (await user.get("/v3/feature_flags"))["resources"]}
    assert (flags["user_org_creation"], flags["route_creation"]) == (False, True)
    assert (await user.fail(404, "GET", "/v3/feature_flags/no"))["detail"] == "Feature flag not found"


async def test_lists_are_paged(admin: Api, org: dict[str, str]) -> None:
    made = [await tenants.space(admin, org["guid"], f"s{index}") for index in range(5)]
    url, seen = f"/v3/spaces?organization_guids={org['guid']}&order_by=-name&per_page=2", []
    while url:
        page = await admin.get(url)
        assert (page["pagination"]["total_results"], page["pagination"]["total_pages"]) == (5, 3)
        seen += [one["name"] for one in page["resources"]]
        url = (page["pagination"]["next"] or {}).get("href")
    assert seen == ["s4", "s3", "s2", "s1", "s0"]
    two = ",".join(one["guid"] for one in made[:2])
    assert (await admin.get("/v3/spaces", guids=two))["pagination"]["total_results"] == 2


async def test_flags_that_are_off_stop_users_and_not_admins(
    admin: Api, org: dict[str, str], room: dict[str, str], user: Api
) -> None:
    await tenants.role(admin, "organization_user", username(user), org["guid"])
    await tenants.role(admin, "space_developer", username(user), room["guid"])
    app = (await user.post("/v3/apps", {"name": "a", "relationships": {"space": to(room["guid"])}}))["guid"]
    domain = (await tenants.domain(admin))["guid"]
    instance = {"type": "user-provided", "name": "i", "relationships": {"space": to(room["guid"])}}
    route = {"host": "x", "relationships": {"space": to(room["guid"]), "domain": to(domain)}}
    asked = {
        "app_scaling": ("POST", f"/v3/apps/{app}/processes/web/actions/scale", {"instances": 1}),
        "env_var_visibility": ("GET", f"/v3/apps/{app}/env", None),
        "route_creation": ("POST", "/v3/routes", route),
        "service_instance_creation": ("POST", "/v3/service_instances", instance),
    }
    for flag, request in asked.items():
        path = f"/v3/feature_flags/{flag}"
        await admin.patch(path, {"enabled": False, "custom_error_message": f"no {flag} today"})
        try:
            refused = await user.fail(403, *request)
            assert (refused["title"], refused["detail"]) == ("CF-FeatureDisabled", f"Feature Disabled: no {flag} today")
        finally:
            await admin.patch(path, {"enabled": True, "custom_error_message": None})
        assert (await user.ask(*request)).status_code < 300
