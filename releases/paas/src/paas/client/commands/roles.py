"""Who may do what."""

from __future__ import annotations

import click

from paas.client import find
from paas.client.api import Json, Listing
from paas.client.errors import ApiFault
from paas.client.session import Session
from paas.client.show import as_json, document, say, table


def _set(session: Session, role: str, user: str, kind: str, guid: str) -> None:
    who = {"data": {"username": user, "origin": "uaa"}}
    try:
        session.api.post("/v3/roles", {"type": role, "relationships": {"user": who, kind: {"data": {"guid": guid}}}})
    except ApiFault as error:
        if "already has" not in error.detail:
            raise


def _unset(session: Session, role: str, user: str, kind: str, guid: str) -> None:
    query = {"types": role, "user_guids": find.user(session, user)["guid"], f"{kind}_guids": guid}
    for one in session.api.list("/v3/roles", **query):
        session.api.change("DELETE", f"/v3/roles/{one['guid']}")


@click.command()
@click.argument("user")
@click.argument("org")
@click.argument("role")
@click.pass_obj
def set_org_role(session: Session, user: str, org: str, role: str) -> None:
    """Give USER a role in ORG: OrgManager, OrgAuditor, BillingManager."""
    word = find.role(role, "organization")
    guid = find.org(session, org)["guid"]
    _set(session, "organization_user", user, "organization", guid)
    _set(session, word, user, "organization", guid)
    say(f"User {user} is {role} in organization {org}.")


@click.command()
@click.argument("user")
@click.argument("org")
@click.argument("role")
@click.pass_obj
def unset_org_role(session: Session, user: str, org: str, role: str) -> None:
    """Take a role in ORG from USER."""
    _unset(session, find.role(role, "organization"), user, "organization", find.org(session, org)["guid"])
    say(f"User {user} is not {role} in organization {org}.")


@click.command()
@click.argument("user")
@click.argument("org")
@click.argument("space")
@click.argument("role")
@click.pass_obj
def set_space_role(session: Session, user: str, org: str, space: str, role: str) -> None:
    """Give USER a role in SPACE: SpaceDeveloper, SpaceManager, SpaceAuditor."""
    word = find.role(role, "space")
    _set(session, "organization_user", user, "organization", find.org(session, org)["guid"])
    _set(session, word, user, "space", find.space(session, space, org)["guid"])
    say(f"User {user} is {role} in space {org}/{space}.")


@click.command()
@click.argument("user")
@click.argument("org")
@click.argument("space")
@click.argument("role")
@click.pass_obj
def unset_space_role(session: Session, user: str, org: str, space: str, role: str) -> None:
    """Take a role in SPACE from USER."""
    _unset(session, find.role(role, "space"), user, "space", find.space(session, space, org)["guid"])
    say(f"User {user} is not {role} in space {org}/{space}.")


@click.command()
@click.argument("org")
@as_json
@click.pass_obj
def org_users(session: Session, org: str, json: bool) -> None:
    """Who has roles in an organization."""
    guid = find.org(session, org)["guid"]
    _show(session.api.list("/v3/roles", include="user", organization_guids=guid), json)


@click.command()
@click.argument("org")
@click.argument("space")
@as_json
@click.pass_obj
def space_users(session: Session, org: str, space: str, json: bool) -> None:
    """Who has roles in a space."""
    guid = find.space(session, space, org)["guid"]
    _show(session.api.list("/v3/roles", include="user", space_guids=guid), json)


def _show(found: Listing, json: bool) -> None:
    words = {api: word for word, api in find.ROLES.items()}

    def name(role: Json) -> str:
        guid = role["relationships"]["user"]["data"]["guid"]
        user = found.along("users", guid)
        return user.get("username") or user.get("presentation_name") or guid

    rows = sorted((name(one), words.get(one["type"], one["type"])) for one in found)
    if json:
        document([{"user": user, "role": role} for user, role in rows])
    else:
        table(["user", "role"], rows, "Nobody.")
