"""What apps say, and what happened to them."""

from __future__ import annotations

import time
from datetime import datetime

import click

from paas.client import find
from paas.client.session import Session
from paas.client.show import as_json, document, table


@click.command()
@click.argument("app")
@click.option("--recent", is_flag=True, help="What there is, and end.")
@click.pass_obj
def logs(session: Session, app: str, recent: bool) -> None:
    """An app's log: as it comes, or the last lines."""
    guid = find.app(session, app)["guid"]
    if recent:
        for line in session.logs.recent(guid):
            click.echo(str(line))
        return
    for line in session.logs.follow(guid, time.time_ns()):
        click.echo(str(line))


@click.command()
@click.argument("app")
@as_json
@click.pass_obj
def events(session: Session, app: str, json: bool) -> None:
    """What happened to an app, newest first."""
    guid = find.app(session, app)["guid"]
    found = session.api.get("/v3/audit_events", target_guids=guid, order_by="-created_at", per_page=100)["resources"]
    if json:
        document(found)
        return
    rows = [
        [_local(one["created_at"]), one["type"], one["actor"]["name"] or one["actor"]["type"], _facts(one["data"])]
        for one in found
    ]
    table(["time", "event", "actor", "what"], rows, "No events.")


def _local(moment: str) -> str:
    return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%dT%H:%M:%S%z}"


def _facts(data: object, prefix: str = "") -> str:
    if not isinstance(data, dict):
        return ""
    told: list[str] = []
    for name, value in data.items():
        if isinstance(value, dict):
            told += filter(None, [_facts(value, f"{prefix}{name}.")])
        elif value not in (None, "", [], {}):
            told.append(f"{prefix}{name}: {value}")
    return ", ".join(told)
