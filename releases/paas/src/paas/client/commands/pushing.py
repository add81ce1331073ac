"""Push: files become a running app."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from paas.client import find, launch
from paas.client.bits import upload
from paas.client.errors import ClientError
from paas.client.manifest import App, chosen, document, find_manifest, read_manifest, read_variables
from paas.client.session import Session
from paas.client.show import megabytes, say
from paas.client.summary import gathered, show

OPTIONS = (
    click.option(
        "-f", "--manifest", type=click.Path(path_type=Path), help="The manifest; else manifest.yml, if there is one."
    ),
    click.option("--no-manifest", is_flag=True, help="Take no manifest."),
    click.option("--var", "variables", multiple=True, metavar="NAME=VALUE", help="For ((NAME)) in the manifest."),
    click.option("--vars-file", "files", multiple=True, type=click.Path(path_type=Path), help="YAML with variables."),
    click.option("-p", "--path", type=click.Path(path_type=Path), help="Folder or archive; else this folder."),
    click.option("-i", "--instances", type=click.IntRange(min=0), help="How many."),
    click.option("-m", "--memory", metavar="SIZE", help="Of each instance, such as 256M."),
    click.option("-k", "--disk", metavar="SIZE", help="Of each instance, such as 1G."),
    click.option("-b", "--buildpack", "buildpacks", multiple=True, help="Name or URL; several are run in this order."),
    click.option("-s", "--stack", help="The stack."),
    click.option("-c", "--command", help="What starts the app."),
    click.option(
        "-u", "--health-check-type", type=click.Choice(["port", "process", "http"]), help="How it shows that it runs."
    ),
    click.option("--endpoint", metavar="/PATH", help="What an http check asks for."),
    click.option("-t", "--app-start-timeout", "timeout", type=int, help="Seconds that an instance may take to start."),
    click.option("--env", "environment", multiple=True, metavar="NAME=VALUE", help="A variable of its environment."),
    click.option("--service", "services", multiple=True, help="A service instance to bind."),
    click.option(
        "-r", "--route", "routes", multiple=True, metavar="HOST.DOMAIN", help="An address, instead of the app's own."
    ),
    click.option("--no-route", is_flag=True, help="Give it no address."),
    click.option("--random-route", is_flag=True, help="Give it an address that nobody has."),
    click.option("--no-start", is_flag=True, help="Stage, but do not start."),
    click.option("--no-wait", is_flag=True, help="Do not wait for the instances."),
    click.option(
        "--strategy", type=click.Choice(["rolling"]), help="Change instance by instance, without an interruption."
    ),
)


def _with_options(command: Any) -> Any:
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@click.command()
@click.argument("name", required=False)
@_with_options
@click.pass_obj
def push(session: Session, name: str | None, **given: Any) -> None:
    """Push an app: make or change it, send its files, stage and start it."""
    _ = session.space
    apps = _apps(name, given)
    if len(apps) > 1 and any(
        given[key] for key in ("path", "command", "routes", "random_route", "services", "environment")
    ):
        raise ClientError(
            "The manifest has several apps, and these options are for one.", "Name the app: paas push NAME"
        )
    for app in apps:
        _push(session, {**app, **_flags(app, given)}, given)


def _apps(name: str | None, given: dict[str, Any]) -> list[App]:
    file = None if given["no_manifest"] else find_manifest(given["manifest"], Path())
    if file is None:
        if not name:
            raise ClientError("There is no manifest here, and no name is given.", "paas push NAME")
        return [{"name": name}]
    variables = read_variables(given["files"], given["variables"])
    return chosen(read_manifest(file, variables), name, file)


def _flags(app: App, given: dict[str, Any]) -> App:
    """What the command line says, in the manifest's words."""
    plain = {
        "instances": given["instances"],
        "memory": given["memory"] and f"{megabytes(given['memory'])}M",
        "disk_quota": given["disk"] and f"{megabytes(given['disk'])}M",
        "buildpacks": list(given["buildpacks"]) or None,
        "stack": given["stack"],
        "command": given["command"],
        "health-check-type": given["health_check_type"],
        "health-check-http-endpoint": given["endpoint"],
        "timeout": given["timeout"],
        "routes": [{"route": route} for route in given["routes"]] or None,
        "services": [*app.get("services", []), *given["services"]] if given["services"] else None,
        "env": {**(app.get("env") or {}), **_pairs(given["environment"])} if given["environment"] else None,
        "path": str(given["path"]) if given["path"] else None,
    }
    held: App = {key: value for key, value in plain.items() if value is not None}
    if given["no_route"]:
        held["no-route"] = True
    elif given["random_route"]:
        held["random-route"] = True
    elif not {"no-route", "random-route", "routes"} & {*app, *held}:
        held["default-route"] = True
    return held


def _pairs(given: tuple[str, ...]) -> dict[str, str]:
    for one in given:
        if "=" not in one:
            raise ClientError(f"'{one}' gives no value.", "Write --env NAME=VALUE.")
    return dict(one.split("=", 1) for one in given)


def _push(session: Session, app: App, given: dict[str, Any]) -> None:
    name = app["name"]
    path = Path(app.get("path") or ".")
    if not path.exists():
        raise ClientError(f"There is nothing at {path}.", "Give the app's folder by -p.")
    say(f"Pushing {name} from {path.resolve()} to {session.where}")
    place = f"/v3/spaces/{session.space.guid}/actions/apply_manifest"
    yaml = {"Content-Type": "application/x-yaml"}
    session.api.change("POST", place, content=document(app), headers=yaml)
    found = find.app(session, name)
    package = session.api.post("/v3/packages", {"type": "bits", **find.relation("app", found["guid"])})
    upload(session.api, package["guid"], path, say)
    say("Staging")
    droplet = launch.stage(session, found, package["guid"])
    wait = not given["no_wait"]
    if given["strategy"] == "rolling" and found["state"] == "STARTED" and not given["no_start"]:
        say("Deploying instance by instance")
        launch.deploy(session, found, droplet, wait)
    else:
        launch.assign(session, found, droplet)
        if given["no_start"]:
            if found["state"] == "STARTED":
                session.api.change("POST", f"/v3/apps/{found['guid']}/actions/stop")
            say(f"{name} is staged. Start it: paas start {name}")
            return
        say("Starting")
        launch.restart(session, found, wait)
    say("")
    show(gathered(session, find.app(session, name)))
