"""From a package to running instances: staging with its log, starting, waiting."""

from __future__ import annotations

import time
from collections.abc import Callable

import click

from paas.client.api import Json, until
from paas.client.errors import ClientError
from paas.client.session import Session

PACKAGE_SECONDS = 600
STAGING_SECONDS = 1200
START_SECONDS = 300
DEPLOYMENT_SECONDS = 1800
LAST_LINES = 15
GATHER_NS = 5_000_000_000
"""Lines of a staging may have been written by a clock that is behind by so much."""


def stage(session: Session, app: Json, package: str) -> str:
    """The droplet's guid; the staging's log is told as it comes."""
    api = session.api

    def ready() -> bool:
        found = api.get(f"/v3/packages/{package}")
        if found["state"] in ("FAILED", "EXPIRED"):
            raise ClientError(f"The package cannot be used: {found['data'].get('error') or found['state']}.")
        return found["state"] == "READY"

    until(ready, PACKAGE_SECONDS, "The package is not ready", "Push again.")
    tail = _Tail(session, app["guid"])
    build = api.post("/v3/builds", {"package": {"guid": package}})
    found = build

    def staged() -> bool:
        nonlocal found
        found = api.get(f"/v3/builds/{build['guid']}")
        tail.tell()
        return found["state"] != "STAGING"

    until(staged, STAGING_SECONDS, "The staging has not ended", f"paas logs {app['name']} --recent")
    tail.tell()
    if found["state"] == "FAILED":
        raise ClientError(f"The staging failed: {found['error']}", f"More: paas logs {app['name']} --recent")
    return str(found["droplet"]["guid"])


class _Tail:
    """Lines of the staging, once each."""

    def __init__(self, session: Session, app: str) -> None:
        self._session = session
        self._app = app
        self._at = time.time_ns() - GATHER_NS
        self._away = False

    def tell(self) -> None:
        """Those that are new; a log cache that is away is told once and holds nothing up."""
        if self._away:
            return
        try:
            lines = self._session.logs.since(self._app, self._at)
        except ClientError as error:
            self._away = True
            click.echo(f"(no log: {error})", err=True)
            return
        for line in lines:
            self._at = line.at + 1
            if line.source.startswith("STG"):
                click.echo(f"   {line.text}")


def assign(session: Session, app: Json, droplet: str) -> None:
    """The app is of this droplet from now on."""
    session.api.patch(f"/v3/apps/{app['guid']}/relationships/current_droplet", {"data": {"guid": droplet}})


def restart(session: Session, app: Json, wait: bool = True) -> None:
    """Stop and start, and wait for the instances."""
    session.api.change("POST", f"/v3/apps/{app['guid']}/actions/restart")
    if wait:
        await_running(session, app)


def deploy(session: Session, app: Json, droplet: str | None, wait: bool = True) -> None:
    """Instance by instance, without an interruption."""
    body: Json = {"strategy": "rolling", "relationships": {"app": {"data": {"guid": app["guid"]}}}}
    if droplet:
        body["droplet"] = {"guid": droplet}
    made = session.api.post("/v3/deployments", body)
    if not wait:
        return
    found = made

    def final() -> bool:
        nonlocal found
        found = session.api.get(f"/v3/deployments/{made['guid']}")
        return found["status"]["value"] == "FINALIZED"

    name = app["name"]
    remedy = f"The old instances serve. Look: paas logs {name} --recent. Give up: paas cancel-deployment {name}"
    until(final, DEPLOYMENT_SECONDS, "The deployment has not ended", remedy)
    if found["status"]["reason"] != "DEPLOYED":
        raise ClientError(f"The deployment ended as {found['status']['reason']}.", f"See: paas logs {name} --recent")


def await_running(session: Session, app: Json, told: Callable[[str], None] = click.echo) -> None:
    """Until all instances of the web process run; ClientError when all have crashed, or none runs in time."""
    place = f"/v3/apps/{app['guid']}/processes/web/stats"
    last = ""
    deadline = time.monotonic() + START_SECONDS
    pause = 0.1
    while True:
        stats = session.api.get(place)["resources"]
        running = sum(one["state"] == "RUNNING" for one in stats)
        now = f"{running} of {len(stats)} instances run"
        if now != last:
            told(now)
            last = now
        if running == len(stats):
            return
        if stats and all(one["state"] == "CRASHED" for one in stats):
            raise _crashed(session, app, stats)
        if time.monotonic() > deadline:
            if running:
                told(f"The others do not come up yet; see: paas app {app['name']}")
                return
            raise ClientError(
                f"No instance of {app['name']} runs after {START_SECONDS} s.", f"See: paas logs {app['name']} --recent"
            )
        time.sleep(pause)
        pause = min(1.3 * pause, 1.0)


def _crashed(session: Session, app: Json, stats: list[Json]) -> ClientError:
    why = next((one["details"] for one in stats if one.get("details")), "")
    try:
        lines = [str(line) for line in session.logs.recent(app["guid"])[-LAST_LINES:]]
    except ClientError:
        lines = []
    said = f"{app['name']} does not start: it ends again and again{f' ({why})' if why else ''}."
    return ClientError("\n".join([said, *lines]), f"More: paas logs {app['name']} --recent")


def newest_droplet(session: Session, app: Json) -> str | None:
    """The guid of what was staged last of the newest package; None where there is none."""
    package = newest_package(session, app)
    if package is None:
        return None
    found = session.api.first(f"/v3/packages/{package}/droplets", states="STAGED", order_by="-created_at")
    return str(found["guid"]) if found else None


def newest_package(session: Session, app: Json) -> str | None:
    """The guid of what was pushed last."""
    query = {"app_guids": app["guid"], "states": "READY", "order_by": "-created_at"}
    found = session.api.first("/v3/packages", **query)
    return str(found["guid"]) if found else None
