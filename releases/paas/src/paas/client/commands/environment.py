"""An app's environment, and its manifest."""

from __future__ import annotations

from pathlib import Path

import click

from paas.client import find
from paas.client.session import Session
from paas.client.show import as_json, document, say

GROUPS = (
    ("system_env_json", "Of services and the platform"),
    ("application_env_json", "Of the app itself"),
    ("environment_variables", "Set by users"),
    ("running_env_json", "Of all running apps"),
    ("staging_env_json", "Of all stagings"),
)


@click.command()
@click.argument("app")
@as_json
@click.pass_obj
def env(session: Session, app: str, json: bool) -> None:
    """All that an app finds in its environment."""
    found = session.api.get(f"/v3/apps/{find.app(session, app)['guid']}/env")
    if json:
        document(found)
        return
    for group, heading in GROUPS:
        click.echo(click.style(f"{heading}:", bold=True))
        held = found.get(group) or {}
        for name, value in sorted(held.items()):
            if isinstance(value, str):
                click.echo(f"{name}: {value}")
            else:
                click.echo(f"{name}:")
                document(value)
        if not held:
            click.echo("none")
        click.echo()


@click.command()
@click.argument("app")
@click.argument("name")
@click.argument("value")
@click.pass_obj
def set_env(session: Session, app: str, name: str, value: str) -> None:
    """Set a variable of an app."""
    _change(session, app, name, value)
    say(f"{name} is set. It holds after: paas restart {app}")


@click.command()
@click.argument("app")
@click.argument("name")
@click.pass_obj
def unset_env(session: Session, app: str, name: str) -> None:
    """Remove a variable of an app."""
    _change(session, app, name, None)
    say(f"{name} is removed. It holds after: paas restart {app}")


@click.command()
@click.argument("app")
@click.option("-p", "--path", "file", type=click.Path(path_type=Path), help="The file; else APP_manifest.yml.")
@click.pass_obj
def create_app_manifest(session: Session, app: str, file: Path | None) -> None:
    """Write a manifest of an app as it is now."""
    answer = session.api.send("GET", f"/v3/apps/{find.app(session, app)['guid']}/manifest")
    target = file or Path(f"{app}_manifest.yml")
    target.write_text(answer.text)
    say(f"{target} is written.")


def _change(session: Session, app: str, name: str, value: str | None) -> None:
    guid = find.app(session, app)["guid"]
    session.api.patch(f"/v3/apps/{guid}/environment_variables", {"var": {name: value}})
