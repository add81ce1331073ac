"""Apps: which there are, and one with its instances."""

from __future__ import annotations

import click

from paas.client import find
from paas.client.api import Json
from paas.client.session import Session
from paas.client.show import as_json, document, forced, say, size, sure, table
from paas.client.summary import gathered, show


@click.command()
@as_json
@click.pass_obj
def apps(session: Session, json: bool) -> None:
    """Apps of the space."""
    found = session.api.list("/v3/apps", space_guids=session.space.guid, order_by="name")
    if json:
        document(found)
        return
    processes: dict[str, list[Json]] = {}
    addresses: dict[str, list[str]] = {}
    if found:
        guids = ",".join(one["guid"] for one in found)
        for one in session.api.list("/v3/processes", app_guids=guids):
            processes.setdefault(one["relationships"]["app"]["data"]["guid"], []).append(one)
        for route in session.api.list("/v3/routes", space_guids=session.space.guid):
            for to in route["destinations"]:
                addresses.setdefault(to["app"]["guid"], []).append(route["url"])
    rows = [
        [
            one["name"],
            one["state"].lower(),
            ", ".join(f"{process['type']}: {_instances(session, one, process)}" for process in _shown(processes, one)),
            ", ".join(size(process["memory_in_mb"]) for process in _shown(processes, one)),
            ", ".join(sorted(set(addresses.get(one["guid"], [])))),
        ]
        for one in found
    ]
    table(["name", "state", "instances", "memory", "routes"], rows, "No apps.")


def _shown(processes: dict[str, list[Json]], app: Json) -> list[Json]:
    return [one for one in processes.get(app["guid"], []) if one["type"] == "web" or one["instances"]]


def _instances(session: Session, app: Json, process: Json) -> str:
    if app["state"] != "STARTED" or not process["instances"]:
        return f"0/{process['instances']}"
    stats = session.api.get(f"/v3/processes/{process['guid']}/stats")["resources"]
    return f"{sum(one['state'] == 'RUNNING' for one in stats)}/{process['instances']}"


@click.command()
@click.argument("name")
@click.option("--guid", is_flag=True, help="Only its guid.")
@as_json
@click.pass_obj
def app(session: Session, name: str, guid: bool, json: bool) -> None:
    """An app with its instances."""
    found = find.app(session, name)
    if guid:
        click.echo(found["guid"])
        return
    facts = gathered(session, found)
    if json:
        document(facts)
    else:
        show(facts)


@click.command()
@click.argument("name")
@click.option("-r", "routes", is_flag=True, help="Delete its routes too.")
@forced
@click.pass_obj
def delete(session: Session, name: str, routes: bool, force: bool) -> None:
    """Delete an app."""
    found = session.api.first("/v3/apps", names=name, space_guids=session.space.guid)
    if found is None:
        say(f"App {name} is not there.")
        return
    sure(f"Delete app {name}{' with its routes' if routes else ''}?", force)
    held = session.api.list(f"/v3/apps/{found['guid']}/routes") if routes else []
    session.api.change("DELETE", f"/v3/apps/{found['guid']}")
    for route in held:
        if {to["app"]["guid"] for to in route["destinations"]} <= {found["guid"]}:
            session.api.change("DELETE", f"/v3/routes/{route['guid']}")
    say(f"App {name} is deleted.")


@click.command()
@click.argument("name")
@click.argument("new")
@click.pass_obj
def rename(session: Session, name: str, new: str) -> None:
    """Give an app another name."""
    session.api.patch(f"/v3/apps/{find.app(session, name)['guid']}", {"name": new})
    say(f"App {name} is called {new} now.")
