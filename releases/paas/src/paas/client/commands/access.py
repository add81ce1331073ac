"""Who may order which services."""

from __future__ import annotations

import click

from paas.client import find
from paas.client.api import Json
from paas.client.errors import ClientError
from paas.client.session import Session
from paas.client.show import as_json, document, say, table

plan_option = click.option("-p", "--plan", "plan", metavar="PLAN", help="Only this plan.")
org_option = click.option("-o", "--org", "org", metavar="ORG", help="Only this organization.")
broker_option = click.option("-b", "--broker", default="", help="Whose, where several offer it.")


@click.command()
@as_json
@click.pass_obj
def service_access(session: Session, json: bool) -> None:
    """Services and plans, and who may order them."""
    found = session.api.list("/v3/service_plans", include="service_offering")
    if json:
        document(found)
        return
    rows = sorted(
        [
            found.along("service_offerings", one["relationships"]["service_offering"]["data"]["guid"]).get("name", ""),
            one["name"],
            one["visibility_type"],
        ]
        for one in found
    )
    table(["service", "plan", "access"], rows, "No services.")


@click.command()
@click.argument("service")
@plan_option
@org_option
@broker_option
@click.pass_obj
def enable_service_access(session: Session, service: str, plan: str | None, org: str | None, broker: str) -> None:
    """Let all organizations, or one, order a service."""
    for one in _plans(session, service, plan, broker):
        place = f"/v3/service_plans/{one['guid']}/visibility"
        if org is None:
            session.api.patch(place, {"type": "public"})
        elif one["visibility_type"] != "public":
            body = {"type": "organization", "organizations": [{"guid": find.org(session, org)["guid"]}]}
            session.api.post(place, body)
    say(f"{_named(service, plan)} may be ordered by {org or 'all organizations'}.")


@click.command()
@click.argument("service")
@plan_option
@org_option
@broker_option
@click.pass_obj
def disable_service_access(session: Session, service: str, plan: str | None, org: str | None, broker: str) -> None:
    """Let nobody, or one organization no more, order a service."""
    for one in _plans(session, service, plan, broker):
        place = f"/v3/service_plans/{one['guid']}/visibility"
        if org is None:
            session.api.patch(place, {"type": "admin"})
        elif one["visibility_type"] == "organization":
            session.api.change("DELETE", f"{place}/{find.org(session, org)['guid']}")
        elif one["visibility_type"] == "public":
            raise ClientError(
                f"{_named(service, plan)} may be ordered by all.", "Disable it for all first, without -o."
            )
    say(f"{_named(service, plan)} may not be ordered by {org or 'anybody'}.")


def _plans(session: Session, service: str, plan: str | None, broker: str) -> list[Json]:
    query = {"service_offering_guids": find.offering(session, service, broker)["guid"]} | (
        {"names": plan} if plan else {}
    )
    found = session.api.list("/v3/service_plans", **query)
    if not found:
        raise ClientError(f"Service '{service}' has no plan{f' {plan!r}' if plan else ''}.", "See: paas service-access")
    return found


def _named(service: str, plan: str | None) -> str:
    return f"{service} {plan}" if plan else service
