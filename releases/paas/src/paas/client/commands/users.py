"""Users."""

from __future__ import annotations

import os
import sys

import click

from paas.client.errors import ApiFault, ClientError
from paas.client.session import Session
from paas.client.show import forced, say, sure


@click.command()
@click.argument("name")
@click.argument("password", required=False)
@click.pass_obj
def create_user(session: Session, name: str, password: str | None) -> None:
    """Make a user. Without PASSWORD that of PAAS_NEW_PASSWORD, or you are asked."""
    password = password or os.environ.get("PAAS_NEW_PASSWORD")
    if password is None:
        if not sys.stdin.isatty():
            raise ClientError("A password is wanted.", "Give it as an argument, or PAAS_NEW_PASSWORD.")
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    guid = session.uaa.find(name)
    there = guid is not None
    guid = guid or session.uaa.create(name, password)
    try:
        session.api.post("/v3/users", {"guid": guid})
    except ApiFault as error:
        if error.status != 422:
            raise
    say(f"User {name} is there already." if there else f"User {name} is made.")


@click.command()
@click.argument("name")
@forced
@click.pass_obj
def delete_user(session: Session, name: str, force: bool) -> None:
    """Delete a user with all roles."""
    sure(f"Delete user {name}?", force)
    guid = session.uaa.find(name)
    if guid is None:
        say(f"User {name} is not there.")
        return
    try:
        session.api.change("DELETE", f"/v3/users/{guid}")
    except ApiFault as error:
        if error.status != 404:
            raise
    session.uaa.delete(guid)
    say(f"User {name} is deleted.")
