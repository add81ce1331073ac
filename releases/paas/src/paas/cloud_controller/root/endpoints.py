"""``/``, ``/v3``, ``/v3/info`` and ``/healthz``: discovery."""

from __future__ import annotations

from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from paas.cloud_controller.api.call import Call, Endpoint, answer
from paas.cloud_controller.api.errors import unavailable


def _link(href: str) -> dict[str, str] | None:
    return {"href": href} if href else None


async def root(call: Call) -> Response:
    """Where the parts of the platform are."""
    config = call.platform.config
    return answer(
        {
            "links": {
                "self": {"href": call.url("")},
                "cloud_controller_v2": None,
                "cloud_controller_v3": {"href": call.url("/v3"), "meta": {"version": config.version}},
                "network_policy_v0": None,
                "network_policy_v1": None,
                "login": _link(config.login_url or config.uaa.url),
                "uaa": _link(config.uaa.url),
                "credhub": None,
                "routing": None,
                "logging": _link(config.log_cache_url),
                "log_cache": _link(config.log_cache_url),
                "log_stream": None,
                "app_ssh": None,
            }
        }
    )


NOUNS = (
    "app_usage_events",
    "apps",
    "audit_events",
    "buildpacks",
    "builds",
    "deployments",
    "domains",
    "droplets",
    "feature_flags",
    "info",
    "jobs",
    "organization_quotas",
    "organizations",
    "packages",
    "processes",
    "resource_matches",
    "roles",
    "routes",
    "security_groups",
    "service_brokers",
    "service_credential_bindings",
    "service_instances",
    "service_offerings",
    "service_plans",
    "space_quotas",
    "spaces",
    "stacks",
    "tasks",
    "users",
)


async def v3(call: Call) -> Response:
    """The nouns of the API."""
    links = {noun: call.link(f"/v3/{noun}") for noun in NOUNS}
    return answer({"links": {"self": call.link("/v3"), **links}})


async def info(call: Call) -> Response:
    """What this platform is."""
    config = call.platform.config
    return answer(
        {
            "build": "",
            "cli_version": {"minimum": "", "recommended": ""},
            "custom": {},
            "description": config.description,
            "name": config.name,
            "version": 0,
            "osbapi_version": "2.17",
            "rate_limits": {"enabled": False, "general_limit": -1, "reset_interval_in_minutes": -1},
            "links": {"self": call.link("/v3/info"), "support": {"href": ""}},
        }
    )


async def healthz(call: Call) -> Response:
    """200 while requests can be served: the database answers."""
    try:
        await call.platform.database.ready()
    except SQLAlchemyError:
        raise unavailable("The database is away") from None
    bus = call.platform.connected_bus
    return answer({"status": "ok", "bus": bus is not None and bus.connected})


ENDPOINTS = [
    Endpoint("GET", "/", root, open=True, transaction=False),
    Endpoint("GET", "/v3", v3, open=True, transaction=False),
    Endpoint("GET", "/v3/info", info, open=True, transaction=False),
    Endpoint("GET", "/healthz", healthz, open=True, transaction=False),
]
