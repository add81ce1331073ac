"""Waits until the services answer and have heard of each other."""

from __future__ import annotations

import time
from datetime import datetime

from lab.errors import LabError
from lab.openstack.http import admin_token, ask
from lab.openstack.stack import PASSWORD, Stack

LIMIT = 240.0
VOLUME_TYPE = "loop"


def wait(stack: Stack, since: str) -> None:
    """Every service process reported after `since` (UTC, ISO); one that died ends the wait."""
    until, why = time.monotonic() + LIMIT, "nothing answered"
    wanted = set(stack.started)
    while time.monotonic() < until:
        gone = wanted - stack.processes().keys()
        if gone:
            raise LabError(f"died while starting: {', '.join(sorted(gone))}; see {stack.path('log')}")
        try:
            why = _missing(stack, since)
        except (OSError, ValueError, KeyError) as error:
            why = str(error)
        if not why:
            return
        time.sleep(0.5)
    raise LabError(f"the services are not ready after {LIMIT:g} s: {why}; see {stack.path('log')}")


def _missing(stack: Stack, since: str) -> str:
    """What is not there yet; empty when all is."""
    token = admin_token(stack.identity_url, PASSWORD)

    def get(api: str, path: str) -> dict[str, object]:
        return ask("GET", stack.url(api) + path, None, token)[0]

    fresh = _reported(get("nova", "/v2.1/os-services"), "nova-compute", since)
    if fresh < stack.computes:
        return f"{fresh} of {stack.computes} hypervisors reported"
    hypervisors = get("nova", "/v2.1/os-hypervisors").get("hypervisors")
    if not isinstance(hypervisors, list) or len(hypervisors) < stack.computes:
        return "hypervisors are not mapped yet"
    project = ask("GET", f"{stack.identity_url}/auth/projects", None, token)[0]["projects"][0]["id"]
    volumes = get("cinder", f"/v3/{project}/os-services")
    for name in ("cinder-volume", "cinder-scheduler"):
        if not _reported(volumes, name, since):
            return f"{name} has not reported"
    _first_write(stack.url("neutron"), token)
    get("glance", "/v2/images")
    types = ask("GET", f"{stack.url('cinder')}/v3/{project}/types", None, token)[0]["volume_types"]
    if not any(one["name"] == VOLUME_TYPE for one in types):
        made = {"name": VOLUME_TYPE, "extra_specs": {"volume_backend_name": VOLUME_TYPE}}
        ask("POST", f"{stack.url('cinder')}/v3/{project}/types", {"volume_type": made}, token)
    return ""


def _first_write(neutron: str, token: str) -> None:
    """neutron reads its policies with the first write; of several at once some would meet half of them, and be refused."""
    made = ask("POST", f"{neutron}/v2.0/networks", {"network": {"name": "meristem-first"}}, token)[0]["network"]
    ask("DELETE", f"{neutron}/v2.0/networks/{made['id']}", None, token)


def _reported(document: dict[str, object], binary: str, since: str) -> int:
    services = document.get("services")
    assert isinstance(services, list)
    begin = datetime.fromisoformat(since)
    return sum(
        1
        for one in services
        if one["binary"] == binary
        and one["state"] == "up"
        and one["updated_at"]
        and datetime.fromisoformat(one["updated_at"]) >= begin
    )
