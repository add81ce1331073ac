"""Instances of services."""

from __future__ import annotations

from typing import Any

import click

from paas.client import find
from paas.client.api import Json, Listing
from paas.client.given import json_object, tags
from paas.client.session import Session
from paas.client.show import as_json, document, doing, forced, pairs, say, sure, table

FIELDS = {
    "fields[service_plan]": "name,guid,relationships.service_offering",
    "fields[service_plan.service_offering]": "name,guid",
    "fields[service_plan.service_offering.service_broker]": "name,guid",
}
no_wait = click.option("--no-wait", is_flag=True, help="Do not wait until it is done.")


@click.command()
@as_json
@click.pass_obj
def services(session: Session, json: bool) -> None:
    """Service instances of the space, with the apps that are bound."""
    query: dict[str, Any] = {"space_guids": session.space.guid, "order_by": "name", **FIELDS}
    found = session.api.list("/v3/service_instances", **query)
    if json:
        document(found)
        return
    apps = _bound(session, found)
    rows = [
        [one["name"], *_plan(found, one), ", ".join(sorted(apps.get(one["guid"], []))), _last(one)] for one in found
    ]
    table(["name", "service", "plan", "apps", "last operation"], rows, "No services.")


@click.command()
@click.argument("name")
@click.option("--guid", is_flag=True, help="Only its guid.")
@as_json
@click.pass_obj
def service(session: Session, name: str, guid: bool, json: bool) -> None:
    """A service instance."""
    query = {"names": name, "space_guids": session.space.guid, **FIELDS}
    found = session.api.list("/v3/service_instances", **query)
    one = found[0] if found else find.instance(session, name)
    if guid:
        click.echo(one["guid"])
    elif json:
        document(one)
    else:
        offering, plan = _plan(found, one)
        operation = one.get("last_operation") or {}
        pairs(
            [
                ("name", one["name"]),
                ("service", offering),
                ("plan", plan),
                ("tags", ", ".join(one.get("tags") or [])),
                ("apps", ", ".join(sorted(_bound(session, found).get(one["guid"], [])))),
                ("dashboard", one.get("dashboard_url") or ""),
                ("last operation", _last(one)),
                ("message", operation.get("description") or ""),
            ]
        )


@click.command()
@click.argument("service")
@click.argument("plan")
@click.argument("name")
@click.option("-b", "--broker", default="", help="Whose, where several offer it.")
@click.option("-c", "--parameters", metavar="JSON", help="For the service: JSON, or a file with it.")
@click.option("-t", "--tags", "labels", metavar="TAG,TAG", help="What apps may find it by.")
@no_wait
@click.pass_obj
def create_service(
    session: Session,
    service: str,
    plan: str,
    name: str,
    broker: str,
    parameters: str | None,
    labels: str | None,
    no_wait: bool,
) -> None:
    """Order an instance of a service."""
    relationships = {
        "space": {"data": {"guid": session.space.guid}},
        "service_plan": {"data": {"guid": find.plan(session, service, plan, broker)["guid"]}},
    }
    body: Json = {"type": "managed", "name": name, "relationships": relationships, "tags": tags(labels)}
    if parameters:
        body["parameters"] = json_object(parameters, "-c")
    with doing(f"Making {name} of {service} {plan}"):
        session.api.change("POST", "/v3/service_instances", body, wait=not no_wait)


@click.command()
@click.argument("name")
@forced
@no_wait
@click.pass_obj
def delete_service(session: Session, name: str, force: bool, no_wait: bool) -> None:
    """Delete a service instance with its data."""
    found = session.api.first("/v3/service_instances", names=name, space_guids=session.space.guid)
    if found is None:
        say(f"Service instance {name} is not there.")
        return
    sure(f"Delete service instance {name} with its data?", force)
    with doing(f"Deleting {name}"):
        session.api.change("DELETE", f"/v3/service_instances/{found['guid']}", wait=not no_wait)


@click.command()
@click.argument("name")
@click.argument("new")
@click.pass_obj
def rename_service(session: Session, name: str, new: str) -> None:
    """Give a service instance another name."""
    session.api.change("PATCH", f"/v3/service_instances/{find.instance(session, name)['guid']}", {"name": new})
    say(f"Service instance {name} is called {new} now.")


def _bound(session: Session, found: Listing) -> dict[str, list[str]]:
    if not found:
        return {}
    guids = ",".join(one["guid"] for one in found)
    query = {"include": "app", "type": "app", "service_instance_guids": guids}
    bindings = session.api.list("/v3/service_credential_bindings", **query)
    apps: dict[str, list[str]] = {}
    for one in bindings:
        instance = one["relationships"]["service_instance"]["data"]["guid"]
        name = bindings.along("apps", one["relationships"]["app"]["data"]["guid"]).get("name", "")
        apps.setdefault(instance, []).append(name)
    return apps


def _plan(found: Listing, one: Json) -> tuple[str, str]:
    """Names of service and plan."""
    held = one["relationships"].get("service_plan", {}).get("data")
    if not held:
        return "user-provided", ""
    plan = found.along("service_plans", held["guid"])
    offering = plan.get("relationships", {}).get("service_offering", {}).get("data", {}).get("guid", "")
    return found.along("service_offerings", offering).get("name", ""), plan.get("name", "")


def _last(one: Json) -> str:
    operation = one.get("last_operation") or {}
    return f"{operation.get('type', '')} {operation.get('state', '')}".strip()
