"""What services there are to order."""

from __future__ import annotations

from typing import Any

import click

from paas.client.api import Json
from paas.client.session import Session
from paas.client.show import as_json, document, table


@click.command()
@click.option("-e", "--service", "service", metavar="SERVICE", help="Only this one, plan by plan.")
@as_json
@click.pass_obj
def marketplace(session: Session, service: str | None, json: bool) -> None:
    """Services with their plans."""
    query: dict[str, Any] = {"available": "true", "include": "service_offering"}
    if session.settings.space:
        query["space_guids"] = session.settings.space.guid
    if service:
        query["service_offering_names"] = service
    query["fields[service_offering.service_broker]"] = "name,guid"
    found = session.api.list("/v3/service_plans", **query)
    if json:
        document([{**one, "service_offering": _offering(found, one)} for one in found])
        return
    if service:
        rows = [[one["name"], one["description"], "free" if one["free"] else "paid"] for one in found]
        table(["plan", "description", "cost"], rows, f"Service {service} is not offered here.")
        return
    offered: dict[str, tuple[Json, list[str]]] = {}
    for one in found:
        offering = _offering(found, one)
        offered.setdefault(offering["guid"], (offering, []))[1].append(one["name"])
    rows = [
        [offering["name"], ", ".join(plans), offering["description"]]
        for offering, plans in sorted(offered.values(), key=lambda held: held[0]["name"])
    ]
    table(["service", "plans", "description"], rows, "No services.")


def _offering(found: Any, plan: Json) -> Json:
    return found.along("service_offerings", plan["relationships"]["service_offering"]["data"]["guid"])
