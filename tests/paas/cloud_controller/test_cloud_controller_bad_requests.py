"""Bad input of every kind is answered with the API's own error, which says where and what; never with 500."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.paas.cloud_controller import tenants
from tests.paas.cloud_controller.client import Api
from tests.paas.cloud_controller.controller import Controller
from tests.paas.cloud_controller.tenants import to

BASIC = {"type": "basic", "credentials": {"username": "u", "password": "p"}}
NOBODY = "00000000-0000-0000-0000-000000000000"

Bad = tuple[str, str, Any, int, str]


def in_space(**more: Any) -> dict[str, Any]:
    return {"relationships": {"space": to("{space}"), "domain": to("{domain}")}, **more}


def goals(*some: dict[str, Any]) -> dict[str, Any]:
    return {"destinations": [{"app": {"guid": "{app}"}, **one} for one in some]}


def rule(**more: Any) -> dict[str, Any]:
    return {"name": "g", "rules": [{"protocol": "tcp", "destination": "10.0.0.0/8", "ports": "1", **more}]}


def broker(url: str) -> dict[str, Any]:
    return {"name": "b", "url": url, "authentication": BASIC}


def role(type: str, user: dict[str, str], **where: str) -> dict[str, Any]:
    places = {kind: to(guid) for kind, guid in where.items()}
    return {"type": type, "relationships": {"user": {"data": user}, **places}}


def instance(type: str, **more: Any) -> dict[str, Any]:
    return {"type": type, "name": "i", "relationships": {"space": to("{space}")}, **more}


BAD: list[Bad] = [
    # bodies
    ("POST", "/v3/organizations", b"{", 400, "parse error"),
    ("POST", "/v3/organizations", b"\xff\xfe", 400, "parse error"),
    ("POST", "/v3/organizations", b'{"name": "a\\u0000b"}', 400, "NUL"),
    ("POST", "/v3/organizations", [], 422, "expected `object`"),
    ("POST", "/v3/organizations", {}, 422, "name is required"),
    ("POST", "/v3/organizations", {"name": 7}, 422, "name: expected `str`"),
    ("POST", "/v3/organizations", {"name": ""}, 422, "name:"),
    ("POST", "/v3/organizations", {"name": "x" * 256}, 422, "name:"),
    ("POST", "/v3/organizations", {"name": "a\nb"}, 422, "name:"),
    ("POST", "/v3/organizations", {"name": "a", "colour": "red"}, 422, "Unknown field(s): 'colour'"),
    ("POST", "/v3/organizations", {"name": "a", "metadata": {"labels": {"-": "x"}}}, 422, "Metadata label key"),
    ("POST", "/v3/spaces", {"name": "s", "relationships": {}}, 422, "relationships.organization is required"),
    ("POST", "/v3/spaces", {"name": "s", "relationships": {"organization": to(NOBODY)}}, 422, "Invalid organization"),
    ("PATCH", "/v3/organizations/{org}/relationships/default_isolation_segment", to("x"), 422, "isolation segments"),
    ("POST", "/v3/isolation_segments", {"name": "s"}, 422, "isolation segments"),
    ("GET", "/v3/organizations/%00", None, 404, "Unknown request"),
    ("GET", f"/v3/organizations/{NOBODY}", None, 404, "Organization not found"),
    # queries
    ("GET", "/v3/spaces?per_page=none", None, 400, "Per page must be"),
    ("GET", "/v3/spaces?per_page=0", None, 400, "Per page must be"),
    ("GET", "/v3/spaces?page=99999999999999999999", None, 400, "Page must be"),
    ("GET", "/v3/spaces?order_by=colour", None, 400, "Order by can only be"),
    ("GET", "/v3/spaces?colour=red", None, 400, "Unknown query parameter(s): 'colour'"),
    ("GET", "/v3/spaces?names=%00", None, 400, "NUL"),
    ("GET", "/v3/spaces?include=colour", None, 400, "Invalid include: 'colour'"),
    ("GET", "/v3/spaces?created_ats[lt]=yesterday", None, 400, "timestamps"),
    ("GET", "/v3/spaces?label_selector=a~b", None, 400, "label_selector"),
    ("GET", "/v3/service_instances?fields[space]=colour", None, 400, "Fields valid keys for 'space'"),
    ("GET", "/v3/service_plans?fields[colour]=name", None, 400, "Invalid fields: 'colour'"),
    ("GET", "/v3/routes?ports=http", None, 400, "whole numbers"),
    # roles and users
    ("POST", "/v3/roles", role("space_king", {"username": "u"}, space="{space}"), 422, "type"),
    ("POST", "/v3/roles", role("space_manager", {"username": "u"}), 422, "either a space or an organization"),
    (
        "POST",
        "/v3/roles",
        role("space_manager", {"username": "u"}, space="{space}", organization="{org}"),
        422,
        "both an organization and a space",
    ),
    ("POST", "/v3/roles", role("space_manager", {"username": "u"}, organization="{org}"), 422, "space role type"),
    ("POST", "/v3/roles", role("organization_user", {"username": "u"}, space="{space}"), 422, "organization role type"),
    ("POST", "/v3/roles", role("organization_user", {}, organization="{org}"), 422, "username or guid"),
    ("POST", "/v3/roles", role("organization_user", {"origin": "uaa"}, organization="{org}"), 422, "without"),
    (
        "POST",
        "/v3/roles",
        role("organization_user", {"username": "no one", "origin": "uaa"}, organization="{org}"),
        422,
        "No user exists with the username 'no one' and origin 'uaa'.",
    ),
    ("POST", "/v3/roles", role("organization_user", {"guid": NOBODY}, organization="{org}"), 422, "Invalid user"),
    ("POST", "/v3/roles", role("organization_user", {"guid": "x"}, organization=NOBODY), 422, "Invalid organization"),
    ("POST", "/v3/users", {}, 422, "Either guid, or username"),
    ("POST", "/v3/users", {"username": "u"}, 422, "origin is required"),
    # quotas
    ("POST", "/v3/organization_quotas", {"name": "q", "apps": {"total_memory_in_mb": -1}}, 422, "total_memory_in_mb"),
    ("POST", "/v3/organization_quotas", {"name": "q", "apps": {"total_instances": 2**63}}, 422, "total_instances"),
    ("POST", "/v3/organization_quotas", {"name": "q", "apps": {"total_memory_in_mb": 1.5}}, 422, "total_memory_in_mb"),
    ("POST", "/v3/organization_quotas", {"name": "q", "routes": {"colour": 1}}, 422, "routes.colour"),
    ("POST", "/v3/space_quotas", {"name": "q", "relationships": {"organization": to(NOBODY)}}, 422, "does not exist"),
    # domains and routes
    ("POST", "/v3/domains", {"name": "no_domain"}, 422, "RFC 1035"),
    ("POST", "/v3/domains", {"name": "-a.test"}, 422, "RFC 1035"),
    ("POST", "/v3/domains", {"name": "apps.test"}, 422, "already in use"),
    ("POST", "/v3/domains", {"name": "x.sys.test", "relationships": {"organization": to("{org}")}}, 422, "reserved"),
    ("POST", "/v3/domains", {"name": "a.b.test", "router_group": {"guid": "x"}}, 422, "Router groups"),
    ("POST", "/v3/domains", {"name": "a.b.test", "relationships": {"organization": to(NOBODY)}}, 422, "does not exist"),
    ("POST", "/v3/routes", in_space(), 422, "Missing host"),
    ("POST", "/v3/routes", in_space(host="a b"), 422, "Host must be"),
    ("POST", "/v3/routes", in_space(host="x" * 64), 422, "Host must be"),
    ("POST", "/v3/routes", in_space(host="a", path="cart"), 422, "begin with /"),
    ("POST", "/v3/routes", in_space(host="a", path="/"), 422, "exactly /"),
    ("POST", "/v3/routes", in_space(host="a", path="/a?b"), 422, "contain ?"),
    ("POST", "/v3/routes", in_space(host="a", path="/a b"), 422, "Path is invalid"),
    ("POST", "/v3/routes", in_space(host="a", path="/" + "x" * 200), 422, "too long"),
    ("POST", "/v3/routes", in_space(host="a", port=1024), 422, "TCP"),
    ("POST", "/v3/routes", in_space(host="a", options={"loadbalancing": "dice"}), 422, "loadbalancing"),
    ("POST", "/v3/routes", {"relationships": {"space": to("{space}"), "domain": to(NOBODY)}}, 422, "Invalid domain"),
    ("POST", "/v3/routes", {"relationships": {"space": to(NOBODY), "domain": to("{domain}")}}, 422, "Invalid space"),
    ("POST", "/v3/routes/{route}/destinations", {"destinations": []}, 422, "between 1 and 100"),
    ("POST", "/v3/routes/{route}/destinations", goals({"weight": 50}), 422, "weight"),
    ("POST", "/v3/routes/{route}/destinations", goals({"protocol": "tcp"}), 422, "tcp"),
    ("POST", "/v3/routes/{route}/destinations", goals({}, {}), 422, "duplicate"),
    ("POST", "/v3/routes/{route}/destinations", goals({"port": 80}), 422, "port"),
    ("POST", "/v3/routes/{route}/destinations", goals({"app": {"guid": NOBODY}}), 422, "do not exist"),
    ("DELETE", "/v3/routes/{route}/destinations/" + NOBODY, None, 422, "Unable to unmap"),
    # flags, security groups
    ("PATCH", "/v3/feature_flags/colour", {"enabled": True}, 404, "Feature flag not found"),
    ("PATCH", "/v3/feature_flags/route_creation", {"enabled": "yes"}, 422, "enabled"),
    ("POST", "/v3/security_groups", rule(destination="10.0.0.0/99"), 422, "destination"),
    ("POST", "/v3/security_groups", rule(destination="10.0.0.9-10.0.0.1"), 422, "destination"),
    ("POST", "/v3/security_groups", rule(ports="0"), 422, "ports"),
    ("POST", "/v3/security_groups", rule(ports="9-1"), 422, "ports"),
    ("POST", "/v3/security_groups", rule(protocol="all"), 422, "ports are not allowed"),
    ("POST", "/v3/security_groups", rule(protocol="icmp", ports=None), 422, "type and code are required"),
    # services
    ("POST", "/v3/service_brokers", broker("ftp://x"), 422, "Url must be a valid url"),
    ("POST", "/v3/service_brokers", broker("http://u:p@x"), 422, "must not contain authentication"),
    ("POST", "/v3/service_brokers", broker("http://x:99999"), 422, "Url must be a valid url"),
    ("POST", "/v3/service_brokers", broker("http://[x"), 422, "Url must be a valid url"),
    ("POST", "/v3/service_brokers", {**broker("http://x"), "authentication": {"type": "none"}}, 422, "authentication"),
    ("POST", "/v3/service_instances", {}, 422, "type is required"),
    ("POST", "/v3/service_instances", instance("leased"), 422, "type"),
    ("POST", "/v3/service_instances", instance("managed"), 422, "relationships.service_plan is required"),
    ("POST", "/v3/service_instances", instance("user-provided", credentials="x"), 422, "credentials"),
    ("POST", "/v3/service_instances", instance("user-provided", syslog_drain_url="ftp://x"), 422, "Syslog drain url"),
    ("POST", "/v3/service_instances", instance("user-provided", route_service_url="https://x"), 422, "Route services"),
    ("POST", "/v3/service_instances", instance("user-provided", tags=["x" * 250] * 9), 422, "2048 characters"),
    (
        "POST",
        "/v3/service_instances",
        {
            "type": "managed",
            "name": "i",
            "relationships": {"space": to("{space}"), "service_plan": to(NOBODY)},
        },
        422,
        "Invalid service plan",
    ),
    (
        "POST",
        "/v3/service_credential_bindings",
        {"type": "app", "relationships": {"app": to("{app}"), "service_instance": to(NOBODY)}},
        422,
        "The service instance could not be found",
    ),
    ("POST", "/v3/service_credential_bindings", {"type": "door", "relationships": {}}, 422, "type"),
    ("POST", "/v3/service_route_bindings", {}, 422, "Route services"),
    (
        "POST",
        f"/v3/service_plans/{NOBODY}/visibility",
        {"type": "public"},
        404,
        "Service plan not found",
    ),
]


@pytest.fixture(scope="session")
def places() -> dict[str, str]:
    """Filled by the first test that needs them."""
    return {}


async def known(admin: Api, places: dict[str, str]) -> dict[str, str]:
    if not places:
        org = (await tenants.organization(admin))["guid"]
        space = (await tenants.space(admin, org))["guid"]
        domain = (await tenants.domain(admin))["guid"]
        app = await admin.post("/v3/apps", {"name": "a", "relationships": {"space": to(space)}})
        route = await tenants.route(admin, space, domain)
        places |= {"org": org, "space": space, "domain": domain, "app": app["guid"], "route": route["guid"]}
    return places


def filled(value: Any, places: dict[str, str]) -> Any:
    """With guids in place of ``{space}`` and so on."""
    if isinstance(value, str):
        for name, guid in places.items():
            value = value.replace("{" + name + "}", guid)
        return value
    if isinstance(value, dict):
        return {key: filled(one, places) for key, one in value.items()}
    return [filled(one, places) for one in value] if isinstance(value, list) else value


async def test_bad_requests_get_an_error_that_says_what_is_wrong(
    admin: Api, places: dict[str, str], controller: Controller
) -> None:
    guids = await known(admin, places)
    turns = asyncio.Semaphore(4)

    async def one(bad: Bad) -> str:
        method, path, body, status, words = bad
        more = {"content": body} if isinstance(body, bytes) else {}
        given = None if isinstance(body, bytes) else filled(body, guids)
        async with turns:
            answer = await admin.ask(method, filled(path, guids), given, **more)
        error = answer.json()["errors"][0] if answer.status_code >= 400 else {}
        good = answer.status_code == status and words in error.get("detail", "") and error["title"].startswith("CF-")
        return "" if good else f"{method} {path} {body}: {answer.status_code} {answer.text}"

    wrong = [found for found in await asyncio.gather(*map(one, BAD)) if found]
    assert not wrong, "\n".join(wrong)
    log = controller.log.read_text()
    assert "request_fault" not in log
    assert "job_fault" not in log


def test_there_are_enough_of_them() -> None:
    assert len({(method, path, repr(body)) for method, path, body, _, _ in BAD}) >= 80
