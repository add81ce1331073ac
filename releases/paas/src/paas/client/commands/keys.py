"""Credentials of services for people and programs outside of the platform."""

from __future__ import annotations

import click

from paas.client import find
from paas.client.api import Json
from paas.client.errors import not_found
from paas.client.given import json_object
from paas.client.session import Session
from paas.client.show import as_json, document, doing, forced, say, sure, table

PLACE = "/v3/service_credential_bindings"


def _key(session: Session, service: str, name: str) -> Json:
    query = {"type": "key", "names": name, "service_instance_guids": find.instance(session, service)["guid"]}
    found = session.api.first(PLACE, **query)
    if found is None:
        raise not_found("service key", name, f"service instance {service}", f"See: paas service-keys {service}")
    return found


@click.command()
@click.argument("service")
@as_json
@click.pass_obj
def service_keys(session: Session, service: str, json: bool) -> None:
    """Keys of a service instance."""
    found = session.api.list(PLACE, type="key", service_instance_guids=find.instance(session, service)["guid"])
    if json:
        document(found)
    else:
        table(["name"], [[one["name"]] for one in found], "No keys.")


@click.command()
@click.argument("service")
@click.argument("name")
@click.pass_obj
def service_key(session: Session, service: str, name: str) -> None:
    """A key's credentials, as JSON."""
    document(session.api.get(f"{PLACE}/{_key(session, service, name)['guid']}/details")["credentials"])


@click.command()
@click.argument("service")
@click.argument("name")
@click.option("-c", "--parameters", metavar="JSON", help="For the service: JSON, or a file with it.")
@click.pass_obj
def create_service_key(session: Session, service: str, name: str, parameters: str | None) -> None:
    """Make a key."""
    guid = find.instance(session, service)["guid"]
    body: Json = {"type": "key", "name": name, **find.relation("service_instance", guid)}
    if parameters:
        body["parameters"] = json_object(parameters, "-c")
    with doing(f"Making key {name} of {service}"):
        session.api.change("POST", PLACE, body)


@click.command()
@click.argument("service")
@click.argument("name")
@forced
@click.pass_obj
def delete_service_key(session: Session, service: str, name: str, force: bool) -> None:
    """Delete a key."""
    sure(f"Delete key {name} of {service}?", force)
    guid = _key(session, service, name)["guid"]
    with doing(f"Deleting key {name} of {service}"):
        session.api.change("DELETE", f"{PLACE}/{guid}")
    say("Programs that use it are let in no more.")
