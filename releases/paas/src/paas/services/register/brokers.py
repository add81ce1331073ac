"""The part of the v3 API that brokers are registered by."""

from __future__ import annotations

from typing import Any

from paas.admin.session import AdminSession
from paas.services.register.config import Registered


def register(session: AdminSession, broker: Registered) -> str:
    """Make it, or give it these credentials and read its catalog again; what was done."""
    credentials = {"username": broker.username, "password": broker.password}
    body: dict[str, Any] = {"url": broker.url, "authentication": {"type": "basic", "credentials": credentials}}
    found = session.resources("/v3/service_brokers", names=broker.name)
    if found:
        session.finish(session.api("PATCH", f"/v3/service_brokers/{found[0]['guid']}", json=body))
        return "changed"
    session.finish(session.api("POST", "/v3/service_brokers", json={"name": broker.name, **body}))
    return "new"


def publish(session: AdminSession, broker: Registered) -> list[str]:
    """Let all order its plans that nobody may order yet; what was opened so. What an operator gave to some stays theirs."""
    query = {"service_broker_names": broker.name, "include": "service_offering", "per_page": 5000}
    page = session.api("GET", "/v3/service_plans", params=query).json()
    names = {one["guid"]: one["name"] for one in page["included"]["service_offerings"]}
    opened: list[str] = []
    for plan in page["resources"]:
        service = names[plan["relationships"]["service_offering"]["data"]["guid"]]
        if plan["visibility_type"] == "admin" and service not in broker.restricted:
            session.api("PATCH", f"/v3/service_plans/{plan['guid']}/visibility", json={"type": "public"})
            opened.append(f"{service} {plan['name']}")
    return opened
