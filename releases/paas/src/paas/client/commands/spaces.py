"""Spaces."""

from __future__ import annotations

import click

from paas.client import find
from paas.client.api import Json
from paas.client.errors import ApiFault
from paas.client.session import Session
from paas.client.show import as_json, document, forced, pairs, say, sure, table
from paas.client.token import claims

of = click.option("-o", "org", metavar="ORG", help="The organization, if not the one that is targeted.")


@click.command()
@of
@as_json
@click.pass_obj
def spaces(session: Session, org: str | None, json: bool) -> None:
    """Spaces of the organization."""
    guid = find.org(session, org)["guid"] if org else session.org.guid
    found = session.api.list("/v3/spaces", organization_guids=guid, order_by="name")
    if json:
        document(found)
    else:
        table(["name"], [[one["name"]] for one in found], "No spaces.")


@click.command()
@click.argument("name")
@of
@as_json
@click.pass_obj
def space(session: Session, name: str, org: str | None, json: bool) -> None:
    """A space with what is in it."""
    found = find.space(session, name, org or "")
    if json:
        document(found)
        return
    apps = session.api.list("/v3/apps", space_guids=found["guid"], order_by="name")
    services = session.api.list("/v3/service_instances", space_guids=found["guid"], order_by="name")
    pairs(
        [
            ("name", found["name"]),
            ("organization", org or session.org.name),
            ("apps", ", ".join(one["name"] for one in apps)),
            ("services", ", ".join(one["name"] for one in services)),
        ]
    )


@click.command()
@click.argument("name")
@of
@click.pass_obj
def create_space(session: Session, name: str, org: str | None) -> None:
    """Make a space; you become its manager and developer."""
    organization = find.org(session, org) if org else {"guid": session.org.guid, "name": session.org.name}
    try:
        made = session.api.post("/v3/spaces", {"name": name, **find.relation("organization", organization["guid"])})
    except ApiFault as error:
        if "must be unique" not in error.detail:
            raise
        say(f"Space {name} is there already.")
        return
    _take(session, made, organization)
    say(f"Space {name} is made. Work in it: paas target -o {organization['name']} -s {name}")


def _take(session: Session, made: Json, organization: Json) -> None:
    me = claims(session.settings.access_token).get("user_id")
    if not me:
        return  # a client has no roles
    for role, kind, guid in (
        ("organization_user", "organization", organization["guid"]),
        ("space_manager", "space", made["guid"]),
        ("space_developer", "space", made["guid"]),
    ):
        relationships = {"user": {"data": {"guid": me}}, kind: {"data": {"guid": guid}}}
        try:
            session.api.post("/v3/roles", {"type": role, "relationships": relationships})
        except ApiFault as error:
            if "already has" not in error.detail:
                raise


@click.command()
@click.argument("name")
@of
@forced
@click.pass_obj
def delete_space(session: Session, name: str, org: str | None, force: bool) -> None:
    """Delete a space with all that is in it."""
    sure(f"Delete space {name} with its apps and services?", force)
    guid = find.org(session, org)["guid"] if org else session.org.guid
    found = session.api.first("/v3/spaces", names=name, organization_guids=guid)
    if found is None:
        say(f"Space {name} is not there.")
        return
    session.api.change("DELETE", f"/v3/spaces/{found['guid']}")
    if session.settings.space and session.settings.space.guid == found["guid"]:
        session.settings.space = None
        session.save()
    say(f"Space {name} is deleted.")


@click.command()
@click.argument("name")
@click.argument("new")
@click.pass_obj
def rename_space(session: Session, name: str, new: str) -> None:
    """Give a space another name."""
    session.api.patch(f"/v3/spaces/{find.space(session, name)['guid']}", {"name": new})
    say(f"Space {name} is called {new} now.")
