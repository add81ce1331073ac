"""Start, stop, restart, restage, scale."""

from __future__ import annotations

import click

from paas.client import find, launch
from paas.client.api import Json
from paas.client.errors import ApiFault, ClientError
from paas.client.session import Session
from paas.client.show import doing, megabytes, pairs, say, size, sure

no_wait = click.option("--no-wait", is_flag=True, help="Do not wait for the instances.")
strategy = click.option(
    "--strategy", type=click.Choice(["rolling"]), help="Instance by instance, without an interruption."
)


@click.command()
@click.argument("name")
@no_wait
@click.pass_obj
def start(session: Session, name: str, no_wait: bool) -> None:
    """Start an app; one that was never staged is staged first."""
    app = find.app(session, name)
    if app["state"] == "STARTED":
        say(f"{name} is started already.")
        return
    _staged(session, app)
    session.api.change("POST", f"/v3/apps/{app['guid']}/actions/start")
    if not no_wait:
        launch.await_running(session, app)
    say(f"{name} is started.")


@click.command()
@click.argument("name")
@click.pass_obj
def stop(session: Session, name: str) -> None:
    """Stop an app."""
    session.api.change("POST", f"/v3/apps/{find.app(session, name)['guid']}/actions/stop")
    say(f"{name} is stopped.")


@click.command()
@click.argument("name")
@strategy
@no_wait
@click.pass_obj
def restart(session: Session, name: str, strategy: str | None, no_wait: bool) -> None:
    """Stop an app and start it, with its environment of now."""
    app = find.app(session, name)
    _staged(session, app)
    if strategy and app["state"] == "STARTED":
        launch.deploy(session, app, None, not no_wait)
    else:
        launch.restart(session, app, not no_wait)
    say(f"{name} is restarted.")


@click.command()
@click.argument("name")
@strategy
@no_wait
@click.pass_obj
def restage(session: Session, name: str, strategy: str | None, no_wait: bool) -> None:
    """Stage an app's files again, and restart it."""
    app = find.app(session, name)
    package = launch.newest_package(session, app)
    if package is None:
        raise ClientError(f"{name} has no files yet.", f"paas push {name}")
    say("Staging")
    droplet = launch.stage(session, app, package)
    if strategy and app["state"] == "STARTED":
        launch.deploy(session, app, droplet, not no_wait)
    else:
        launch.assign(session, app, droplet)
        launch.restart(session, app, not no_wait)
    say(f"{name} is staged and restarted.")


@click.command()
@click.argument("name")
@click.option("-i", "--instances", type=click.IntRange(min=0), help="How many.")
@click.option("-m", "--memory", metavar="SIZE", help="Of each instance; the app is restarted.")
@click.option("-k", "--disk", metavar="SIZE", help="Of each instance; the app is restarted.")
@click.option("--process", default="web", help="Which process.")
@click.option("-f", "--force", is_flag=True, help="Restart without a question.")
@click.pass_obj
def scale(
    session: Session, name: str, instances: int | None, memory: str | None, disk: str | None, process: str, force: bool
) -> None:
    """Change how many instances there are and how large; or show it."""
    app = find.app(session, name)
    place = f"/v3/apps/{app['guid']}/processes/{process}"
    body: Json = {}
    if instances is not None:
        body["instances"] = instances
    if memory:
        body["memory_in_mb"] = megabytes(memory)
    if disk:
        body["disk_in_mb"] = megabytes(disk)
    if not body:
        found = session.api.get(place)
        pairs(
            [
                ("instances", found["instances"]),
                ("memory", size(found["memory_in_mb"])),
                ("disk", size(found["disk_in_mb"])),
            ]
        )
        return
    again = bool(memory or disk) and app["state"] == "STARTED"
    if again:
        sure(f"{name} will be restarted. Go on?", force)
    session.api.change("POST", f"{place}/actions/scale", body)
    if again:
        launch.restart(session, app)
    say(f"{name} is scaled.")


@click.command()
@click.argument("name")
@click.argument("index", type=int)
@click.option("--process", default="web", help="Which process.")
@click.pass_obj
def restart_app_instance(session: Session, name: str, index: int, process: str) -> None:
    """End one instance; another takes its place."""
    guid = find.app(session, name)["guid"]
    session.api.change("DELETE", f"/v3/apps/{guid}/processes/{process}/instances/{index}")
    say(f"Instance {index} of {name} is being restarted.")


@click.command()
@click.argument("name")
@click.pass_obj
def cancel_deployment(session: Session, name: str) -> None:
    """Give up a rolling change; the old instances come back."""
    query = {"app_guids": find.app(session, name)["guid"], "status_values": "ACTIVE", "order_by": "-created_at"}
    found = session.api.first("/v3/deployments", **query)
    if found is None:
        raise ClientError(f"No deployment of {name} is going on.")
    with doing(f"Giving up the deployment of {name}"):
        session.api.change("POST", f"/v3/deployments/{found['guid']}/actions/cancel")


def _staged(session: Session, app: Json) -> None:
    """Make sure that there is a droplet."""
    try:
        session.api.get(f"/v3/apps/{app['guid']}/droplets/current")
    except ApiFault as error:
        if error.status != 404:
            raise
    else:
        return
    droplet = launch.newest_droplet(session, app)
    if droplet is None:
        package = launch.newest_package(session, app)
        if package is None:
            raise ClientError(f"{app['name']} has no files yet.", f"paas push {app['name']}")
        say("Staging")
        droplet = launch.stage(session, app, package)
    launch.assign(session, app, droplet)
