"""Organizations."""

from __future__ import annotations

import click

from paas.client import find
from paas.client.errors import ApiFault
from paas.client.session import Session
from paas.client.show import as_json, document, forced, pairs, say, sure, table


@click.command()
@as_json
@click.pass_obj
def orgs(session: Session, json: bool) -> None:
    """Organizations that you may see."""
    found = session.api.list("/v3/organizations", order_by="name")
    if json:
        document(found)
    else:
        table(["name"], [[one["name"]] for one in found], "No organizations.")


@click.command()
@click.argument("name")
@as_json
@click.pass_obj
def org(session: Session, name: str, json: bool) -> None:
    """An organization with its spaces and quota."""
    found = find.org(session, name)
    if json:
        document(found)
        return
    guid = found["guid"]
    spaces = session.api.list("/v3/spaces", organization_guids=guid, order_by="name")
    domains = session.api.list(f"/v3/organizations/{guid}/domains")
    data = found["relationships"]["quota"]["data"]
    quota = session.api.get(f"/v3/organization_quotas/{data['guid']}")["name"] if data else ""
    pairs(
        [
            ("name", found["name"]),
            ("quota", quota),
            ("spaces", ", ".join(one["name"] for one in spaces)),
            ("domains", ", ".join(one["name"] for one in domains)),
        ]
    )


@click.command()
@click.argument("name")
@click.option("-q", "quota", metavar="QUOTA", help="Its quota.")
@click.pass_obj
def create_org(session: Session, name: str, quota: str | None) -> None:
    """Make an organization."""
    held = find.quota(session, quota) if quota else None
    try:
        made = session.api.post("/v3/organizations", {"name": name})
    except ApiFault as error:
        if "already exists" not in error.detail:
            raise
        say(f"Organization {name} is there already.")
        return
    if held:
        body = {"data": [{"guid": made["guid"]}]}
        session.api.post(f"/v3/organization_quotas/{held['guid']}/relationships/organizations", body)
    say(f"Organization {name} is made. Work in it: paas target -o {name}")


@click.command()
@click.argument("name")
@forced
@click.pass_obj
def delete_org(session: Session, name: str, force: bool) -> None:
    """Delete an organization with all that is in it."""
    sure(f"Delete organization {name} with its spaces, apps and services?", force)
    found = session.api.first("/v3/organizations", names=name)
    if found is None:
        say(f"Organization {name} is not there.")
        return
    session.api.change("DELETE", f"/v3/organizations/{found['guid']}")
    if session.settings.org and session.settings.org.guid == found["guid"]:
        session.settings.org = session.settings.space = None
        session.save()
    say(f"Organization {name} is deleted.")


@click.command()
@click.argument("name")
@click.argument("new")
@click.pass_obj
def rename_org(session: Session, name: str, new: str) -> None:
    """Give an organization another name."""
    session.api.patch(f"/v3/organizations/{find.org(session, name)['guid']}", {"name": new})
    say(f"Organization {name} is called {new} now.")
