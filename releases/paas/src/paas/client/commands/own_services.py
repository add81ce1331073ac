"""Services that users provide: recorded, and handed to apps."""

from __future__ import annotations

import click

from paas.client import find
from paas.client.api import Json
from paas.client.given import json_object, tags
from paas.client.session import Session
from paas.client.show import say

credentials_option = click.option("-p", "--credentials", metavar="JSON", help="JSON, or a file with it.")
drain_option = click.option("-l", "--syslog-drain", "drain", metavar="URL", help="Where logs of bound apps are sent.")
tags_option = click.option("-t", "--tags", "labels", metavar="TAG,TAG", help="What apps may find it by.")


def _body(credentials: str | None, drain: str | None, labels: str | None) -> Json:
    body: Json = {}
    if credentials is not None:
        body["credentials"] = json_object(credentials, "-p")
    if drain is not None:
        body["syslog_drain_url"] = drain
    if labels is not None:
        body["tags"] = tags(labels)
    return body


@click.command()
@click.argument("name")
@credentials_option
@drain_option
@tags_option
@click.pass_obj
def create_user_provided_service(
    session: Session, name: str, credentials: str | None, drain: str | None, labels: str | None
) -> None:
    """Record a service that runs elsewhere, with its credentials."""
    body = {"type": "user-provided", "name": name, **find.relation("space", session.space.guid)}
    session.api.post("/v3/service_instances", {"credentials": {}, **body, **_body(credentials, drain, labels)})
    say(f"Service instance {name} is recorded.")


@click.command()
@click.argument("name")
@credentials_option
@drain_option
@tags_option
@click.pass_obj
def update_user_provided_service(
    session: Session, name: str, credentials: str | None, drain: str | None, labels: str | None
) -> None:
    """Change what is recorded. Bound apps see it after they were bound again and restarted."""
    guid = find.instance(session, name)["guid"]
    session.api.change("PATCH", f"/v3/service_instances/{guid}", _body(credentials, drain, labels))
    say(f"Service instance {name} is changed.")
