"""Service brokers: who offers services."""

from __future__ import annotations

import os
import sys

import click

from paas.client import find
from paas.client.api import Json
from paas.client.errors import ClientError
from paas.client.session import Session
from paas.client.show import as_json, document, doing, forced, sure, table


@click.command()
@as_json
@click.pass_obj
def service_brokers(session: Session, json: bool) -> None:
    """Brokers that the platform asks."""
    found = session.api.list("/v3/service_brokers")
    if json:
        document(found)
    else:
        table(["name", "url"], sorted([one["name"], one["url"]] for one in found), "No service brokers.")


def _body(words: tuple[str, ...]) -> tuple[str, Json]:
    """NAME and the broker as the API takes it."""
    name, user, *password, url = words
    word = password[0] if password else os.environ.get("PAAS_BROKER_PASSWORD")
    if word is None:
        if not sys.stdin.isatty():
            raise ClientError("The broker's password is wanted.", "Give it as an argument, or PAAS_BROKER_PASSWORD.")
        word = click.prompt("The broker's password", hide_input=True)
    credentials = {"username": user, "password": word}
    return name, {"url": url, "authentication": {"type": "basic", "credentials": credentials}}


WORDS = "NAME USER [PASSWORD] URL"


@click.command()
@click.argument("words", nargs=-1, metavar=WORDS)
@click.option("--space-scoped", is_flag=True, help="Offer its services in this space alone.")
@click.option("--update-if-exists", is_flag=True, help="Change the broker where it is there.")
@click.pass_obj
def create_service_broker(session: Session, words: tuple[str, ...], space_scoped: bool, update_if_exists: bool) -> None:
    """Let the platform ask a broker. PASSWORD may come from PAAS_BROKER_PASSWORD."""
    name, body = _body(_checked(words))
    there = session.api.first("/v3/service_brokers", names=name) if update_if_exists else None
    if there:
        with doing(f"Changing service broker {name}"):
            session.api.change("PATCH", f"/v3/service_brokers/{there['guid']}", body)
        return
    more = find.relation("space", session.space.guid) if space_scoped else {}
    with doing(f"Making service broker {name}"):
        session.api.change("POST", "/v3/service_brokers", {"name": name, **body, **more})


@click.command()
@click.argument("words", nargs=-1, metavar=WORDS)
@click.pass_obj
def update_service_broker(session: Session, words: tuple[str, ...]) -> None:
    """Read a broker's catalog again, with these credentials and this address."""
    name, body = _body(_checked(words))
    guid = find.broker(session, name)["guid"]
    with doing(f"Changing service broker {name}"):
        session.api.change("PATCH", f"/v3/service_brokers/{guid}", body)


@click.command()
@click.argument("name")
@forced
@click.pass_obj
def delete_service_broker(session: Session, name: str, force: bool) -> None:
    """Ask a broker no more."""
    sure(f"Delete service broker {name}?", force)
    guid = find.broker(session, name)["guid"]
    with doing(f"Deleting service broker {name}"):
        session.api.change("DELETE", f"/v3/service_brokers/{guid}")


def _checked(words: tuple[str, ...]) -> tuple[str, ...]:
    if len(words) not in (3, 4):
        raise click.UsageError(f"Wanted: {WORDS}")
    return words
