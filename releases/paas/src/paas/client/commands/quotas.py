"""Quotas of organizations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from paas.client import find
from paas.client.api import Json
from paas.client.session import Session
from paas.client.show import as_json, document, forced, megabytes, say, size, sure, table

UNLIMITED = "unlimited"


def _limits(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("-m", "memory", metavar="SIZE", help="Memory of all instances; -1: unlimited."),
        click.option("-i", "instance_memory", metavar="SIZE", help="Memory of one instance; -1: unlimited."),
        click.option("-a", "instances", type=int, help="Instances; -1: unlimited."),
        click.option("-r", "routes", type=int, help="Routes; -1: unlimited."),
        click.option("-s", "services", type=int, help="Service instances; -1: unlimited."),
        click.option("--paid/--no-paid", "paid", default=None, help="Whether plans that cost may be used."),
    ):
        command = option(command)
    return command


def _body(given: dict[str, Any]) -> Json:
    def amount(text: str | None) -> int | None:
        return None if text == "-1" else megabytes(str(text))

    def number(value: int) -> int | None:
        return None if value == -1 else value

    places: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
        "memory": ("apps", "total_memory_in_mb", amount),
        "instance_memory": ("apps", "per_process_memory_in_mb", amount),
        "instances": ("apps", "total_instances", number),
        "routes": ("routes", "total_routes", number),
        "services": ("services", "total_service_instances", number),
        "paid": ("services", "paid_services_allowed", bool),
    }
    body: Json = {}
    for name, (group, key, made) in places.items():
        if given[name] is not None:
            body.setdefault(group, {})[key] = made(given[name])
    return body


@click.command()
@as_json
@click.pass_obj
def org_quotas(session: Session, json: bool) -> None:
    """Quotas that organizations may have."""
    found = session.api.list("/v3/organization_quotas")
    if json:
        document(found)
        return

    def row(one: Json) -> list[object]:
        memory = one["apps"]["total_memory_in_mb"]
        counts = [
            one["apps"]["total_instances"],
            one["routes"]["total_routes"],
            one["services"]["total_service_instances"],
        ]
        shown = [UNLIMITED if count is None else count for count in counts]
        return [one["name"], UNLIMITED if memory is None else size(memory), *shown]

    headers = ["name", "memory", "instances", "routes", "services"]
    table(headers, [row(one) for one in sorted(found, key=lambda one: one["name"])], "No quotas.")


@click.command()
@click.argument("name")
@_limits
@click.pass_obj
def create_org_quota(session: Session, name: str, **given: Any) -> None:
    """Make a quota; what is not named is unlimited."""
    session.api.post("/v3/organization_quotas", {"name": name, **_body(given)})
    say(f"Quota {name} is made.")


@click.command()
@click.argument("name")
@click.option("-n", "new", metavar="NAME", help="Another name.")
@_limits
@click.pass_obj
def update_org_quota(session: Session, name: str, new: str | None, **given: Any) -> None:
    """Change a quota."""
    body = _body(given) | ({"name": new} if new else {})
    session.api.patch(f"/v3/organization_quotas/{find.quota(session, name)['guid']}", body)
    say(f"Quota {new or name} is changed.")


@click.command()
@click.argument("org")
@click.argument("name")
@click.pass_obj
def set_org_quota(session: Session, org: str, name: str) -> None:
    """Give an organization a quota."""
    guid = find.quota(session, name)["guid"]
    body = {"data": [{"guid": find.org(session, org)["guid"]}]}
    session.api.post(f"/v3/organization_quotas/{guid}/relationships/organizations", body)
    say(f"Organization {org} has quota {name} now.")


@click.command()
@click.argument("name")
@forced
@click.pass_obj
def delete_org_quota(session: Session, name: str, force: bool) -> None:
    """Delete a quota."""
    sure(f"Delete quota {name}?", force)
    session.api.change("DELETE", f"/v3/organization_quotas/{find.quota(session, name)['guid']}")
    say(f"Quota {name} is deleted.")
