"""Services for apps: bound, and unbound."""

from __future__ import annotations

import click

from paas.client import find
from paas.client.api import Json
from paas.client.errors import ApiFault
from paas.client.given import json_object
from paas.client.session import Session
from paas.client.show import doing, say

PLACE = "/v3/service_credential_bindings"


@click.command()
@click.argument("app")
@click.argument("service")
@click.option("-c", "--parameters", metavar="JSON", help="For the service: JSON, or a file with it.")
@click.option("--binding-name", metavar="NAME", help="What the app knows it by.")
@click.option("--no-wait", is_flag=True, help="Do not wait until it is done.")
@click.pass_obj
def bind_service(
    session: Session, app: str, service: str, parameters: str | None, binding_name: str | None, no_wait: bool
) -> None:
    """Give an app the credentials of a service instance."""
    relationships = {
        "app": {"data": {"guid": find.app(session, app)["guid"]}},
        "service_instance": {"data": {"guid": find.instance(session, service)["guid"]}},
    }
    body: Json = {"type": "app", "relationships": relationships}
    if binding_name:
        body["name"] = binding_name
    if parameters:
        body["parameters"] = json_object(parameters, "-c")
    try:
        with doing(f"Binding {service} to {app}"):
            session.api.change("POST", PLACE, body, wait=not no_wait)
    except ApiFault as error:
        if "already bound" not in error.detail:
            raise
        say(f"{app} is bound to {service} already.")
        return
    say(f"{app} finds it in VCAP_SERVICES after: paas restart {app}")


@click.command()
@click.argument("app")
@click.argument("service")
@click.option("--no-wait", is_flag=True, help="Do not wait until it is done.")
@click.pass_obj
def unbind_service(session: Session, app: str, service: str, no_wait: bool) -> None:
    """End the credentials that an app has of a service instance."""
    query = {
        "app_guids": find.app(session, app)["guid"],
        "service_instance_guids": find.instance(session, service)["guid"],
        "type": "app",
    }
    found = session.api.list(PLACE, **query)
    if not found:
        say(f"{app} is not bound to {service}.")
        return
    with doing(f"Unbinding {service} from {app}"):
        for one in found:
            session.api.change("DELETE", f"{PLACE}/{one['guid']}", wait=not no_wait)
