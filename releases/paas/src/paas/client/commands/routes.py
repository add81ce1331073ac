"""Routes: which addresses lead to which app."""

from __future__ import annotations

from typing import Any

import click

from paas.client import find
from paas.client.api import Json
from paas.client.errors import ApiFault, ClientError
from paas.client.session import Session
from paas.client.show import as_json, document, forced, say, sure, table

host_option = click.option("-n", "--hostname", "host", default="", metavar="HOST", help="The name before the domain.")
path_option = click.option("--path", default="", metavar="/PATH", help="Only below this path.")


@click.command()
@as_json
@click.pass_obj
def routes(session: Session, json: bool) -> None:
    """Routes of the space."""
    found = session.api.list("/v3/routes", space_guids=session.space.guid)
    if json:
        document(found)
        return
    apps = {one["guid"]: one["name"] for one in session.api.list("/v3/apps", space_guids=session.space.guid)}
    rows = sorted(
        [one["url"], ", ".join(sorted({apps.get(to["app"]["guid"], "") for to in one["destinations"]}))]
        for one in found
    )
    table(["route", "apps"], rows, "No routes.")


def _query(session: Session, domain: str, host: str, path: str) -> dict[str, Any]:
    return {"domain_guids": find.domain(session, domain)["guid"], "hosts": host, "paths": path}


def _find(session: Session, domain: str, host: str, path: str) -> Json | None:
    return session.api.first("/v3/routes", **_query(session, domain, host, path))


def _make(session: Session, domain: str, host: str, path: str) -> Json:
    relationships = {
        "space": {"data": {"guid": session.space.guid}},
        "domain": {"data": {"guid": find.domain(session, domain)["guid"]}},
    }
    body: Json = {"relationships": relationships} | ({"host": host} if host else {}) | ({"path": path} if path else {})
    try:
        return session.api.post("/v3/routes", body)
    except ApiFault as error:
        there = _find(session, domain, host, path) if error.status == 422 else None
        if there is None:
            raise
        if there["relationships"]["space"]["data"]["guid"] != session.space.guid:
            raise ClientError(f"Route {there['url']} belongs to another space.", "Choose another host name.") from None
        return there


@click.command()
@click.argument("domain")
@host_option
@path_option
@click.pass_obj
def create_route(session: Session, domain: str, host: str, path: str) -> None:
    """Reserve a route."""
    say(f"Route {_make(session, domain, host, path)['url']} is there.")


@click.command()
@click.argument("app")
@click.argument("domain")
@host_option
@path_option
@click.pass_obj
def map_route(session: Session, app: str, domain: str, host: str, path: str) -> None:
    """Lead a route to an app."""
    found = find.app(session, app)
    route = _make(session, domain, host, path)
    body = {"destinations": [{"app": {"guid": found["guid"]}}]}
    session.api.post(f"/v3/routes/{route['guid']}/destinations", body)
    say(f"Route {route['url']} leads to {app}.")


@click.command()
@click.argument("app")
@click.argument("domain")
@host_option
@path_option
@click.pass_obj
def unmap_route(session: Session, app: str, domain: str, host: str, path: str) -> None:
    """Lead a route to an app no more."""
    guid = find.app(session, app)["guid"]
    route = _known(session, domain, host, path)
    for one in route["destinations"]:
        if one["app"]["guid"] == guid:
            session.api.change("DELETE", f"/v3/routes/{route['guid']}/destinations/{one['guid']}")
    say(f"Route {route['url']} does not lead to {app}.")


@click.command()
@click.argument("domain")
@host_option
@path_option
@forced
@click.pass_obj
def delete_route(session: Session, domain: str, host: str, path: str, force: bool) -> None:
    """Delete a route."""
    route = _find(session, domain, host, path)
    if route is None:
        say("There is no such route.")
        return
    sure(f"Delete route {route['url']}?", force)
    session.api.change("DELETE", f"/v3/routes/{route['guid']}")
    say(f"Route {route['url']} is deleted.")


@click.command()
@forced
@click.pass_obj
def delete_orphaned_routes(session: Session, force: bool) -> None:
    """Delete the routes of the space that lead nowhere."""
    sure("Delete all routes that lead nowhere?", force)
    session.api.change("DELETE", f"/v3/spaces/{session.space.guid}/routes?unmapped=true")
    say("Routes that led nowhere are deleted.")


def _known(session: Session, domain: str, host: str, path: str) -> Json:
    route = _find(session, domain, host, path)
    if route is None:
        name = f"{host}.{domain}" if host else domain
        raise ClientError(f"There is no route '{name}{path}'.", "See: paas routes")
    return route
