"""docs/reference/paas-api.md, from the components' own tables of routes: `python -m lab.pages.paas_api`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from paas.cloud_controller.registry import ENDPOINTS
from paas.log_cache import api as log_cache
from paas.services.osb import api as osb
from paas.uaa.api.app import ROUTES
from starlette.applications import Starlette
from starlette.routing import Route

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/paas-api.md"
BEGIN = """\
# HTTP of the PaaS

Written by `python -m lab.pages.paas_api` from the components' tables of routes. Paths, bodies and errors are those that public clients of the v3 API, of UAA, of the log cache and of
the Open Service Broker API know; what is not listed here is answered with 404 and the error of an unknown request.
"""
API = """\
## Cloud controller

At `https://api.SYSTEM_DOMAIN`. A request carries a bearer token of UAA; without one there are only {open}. `/bulk/apps` is the health manager's, with a password that it is told on the bus.
Lists take `page`, `per_page` (5000 at most), `order_by` and the filters of their nouns; a filter or an `include` that is not known is refused with its name. What takes long is answered with 202 and a job to look at.
"""
UAA = """\
## UAA

At `https://uaa.SYSTEM_DOMAIN` and `https://login.SYSTEM_DOMAIN`: OAuth 2 with the grants password, refresh_token, client_credentials and authorization_code (with PKCE), OpenID Connect's discovery, and SCIM.
"""
LOGS = """\
## Log cache

At `https://log-cache.SYSTEM_DOMAIN`; who may read an app's space in the cloud controller may read its log.
"""
BROKERS = """\
## Service brokers

The Open Service Broker API 2.17, served by the gateways of PostgreSQL and Redis and by the broker of external services, and asked by the cloud controller of any broker.
"""


def page() -> str:
    """The whole page."""
    by_path: dict[str, list[str]] = {}
    for endpoint in ENDPOINTS:
        by_path.setdefault(endpoint.path, []).append(endpoint.method)
    nouns: dict[str, dict[str, list[str]]] = {}
    for path, methods in by_path.items():
        nouns.setdefault(_noun(path), {})[path] = methods
    free = sorted({f"`{one.path}`" for one in ENDPOINTS if one.open and one.path != "/bulk/apps"})
    parts = [BEGIN, API.format(open=", ".join(free))]
    parts += [f"### {noun.replace('_', ' ')}\n\n{_table(sorted(nouns[noun].items()))}" for noun in sorted(nouns)]
    ours: dict[str, list[str]] = {}
    for methods, path, _ in ROUTES:
        ours.setdefault(path, []).extend(methods)
    parts += [UAA, _table(sorted(ours.items()))]
    # applications are made without what they serve: only their routes are read
    nothing = cast(Any, None)
    parts += [LOGS, _table(_served(log_cache.application(nothing)))]
    parts += [BROKERS, _table(_served(osb.api(nothing, osb.Credentials(username="", password=""))))]
    return "\n".join(parts)


def _noun(path: str) -> str:
    words = path.strip("/").split("/")
    return words[1] if words[0] == "v3" and len(words) > 1 else "the rest"


def _served(app: Starlette) -> list[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for route in app.routes:
        assert isinstance(route, Route)
        found.setdefault(route.path, []).extend(route.methods or ())
    return sorted(found.items())


def _table(rows: Iterable[tuple[str, list[str]]]) -> str:
    lines = ["| Path | Methods |", "| --- | --- |"]
    lines += [f"| `{path}` | {', '.join(sorted(set(methods) - {'HEAD'}))} |" for path, methods in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
