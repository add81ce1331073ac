"""Domains."""

from __future__ import annotations

import click

from paas.client import find
from paas.client.session import Session
from paas.client.show import as_json, document, forced, say, sure, table


@click.command()
@as_json
@click.pass_obj
def domains(session: Session, json: bool) -> None:
    """Domains of the organization, and those that all share."""
    found = session.api.list(f"/v3/organizations/{session.org.guid}/domains")
    if json:
        document(found)
        return
    rows = [
        [
            one["name"],
            "private" if one["relationships"]["organization"]["data"] else "shared",
            "yes" if one["internal"] else "",
        ]
        for one in found
    ]
    table(["name", "status", "internal"], rows, "No domains.")


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="[ORG] DOMAIN")
@click.pass_obj
def create_domain(session: Session, names: tuple[str, ...]) -> None:
    """Make a domain; with ORG it is that organization's own."""
    *org, name = names
    if len(org) > 1:
        raise click.UsageError("An organization and a domain, or a domain alone.")
    more = find.relation("organization", find.org(session, org[0])["guid"]) if org else {}
    session.api.post("/v3/domains", {"name": name, **more})
    say(f"Domain {name} is made.")


@click.command()
@click.argument("name")
@forced
@click.pass_obj
def delete_domain(session: Session, name: str, force: bool) -> None:
    """Delete a domain with its routes."""
    sure(f"Delete domain {name} with all its routes?", force)
    session.api.change("DELETE", f"/v3/domains/{find.domain(session, name)['guid']}")
    say(f"Domain {name} is deleted.")
