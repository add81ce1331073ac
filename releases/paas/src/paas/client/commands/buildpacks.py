"""Buildpacks and stacks of the platform."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from paas.client import find
from paas.client.api import Json
from paas.client.bits import archive, files_of
from paas.client.errors import ClientError
from paas.client.session import Session
from paas.client.show import as_json, document, doing, forced, say, sure, table

OPTIONS = (
    click.option("--enable/--disable", "enabled", default=None, help="Whether it is used."),
    click.option("--lock/--unlock", "locked", default=None, help="Whether it may be changed."),
)


@click.command()
@as_json
@click.pass_obj
def buildpacks(session: Session, json: bool) -> None:
    """Buildpacks, in the order in which they are tried."""
    found = session.api.list("/v3/buildpacks", order_by="position")
    if json:
        document(found)
        return
    rows = [
        [one["position"], one["name"], one["stack"] or "", "yes" if one["enabled"] else "no", one["filename"] or ""]
        for one in found
    ]
    table(["position", "name", "stack", "enabled", "file"], rows, "No buildpacks.")


@click.command()
@click.argument("name")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.argument("position", type=click.IntRange(min=1))
@click.option("--disable", is_flag=True, help="Do not use it yet.")
@click.pass_obj
def create_buildpack(session: Session, name: str, path: Path, position: int, disable: bool) -> None:
    """Add a buildpack: a .zip, or a folder."""
    made = session.api.post("/v3/buildpacks", {"name": name, "position": position, "enabled": not disable})
    _upload(session, name, made["guid"], path)


@click.command()
@click.argument("name")
@click.option("-p", "--path", type=click.Path(exists=True, path_type=Path), help="Its new files: a .zip, or a folder.")
@click.option("-i", "--position", type=click.IntRange(min=1), help="When it is tried.")
@click.option("--rename", "new", metavar="NAME", help="Another name.")
@OPTIONS[0]
@OPTIONS[1]
@click.pass_obj
def update_buildpack(
    session: Session,
    name: str,
    path: Path | None,
    position: int | None,
    new: str | None,
    enabled: bool | None,
    locked: bool | None,
) -> None:
    """Change a buildpack."""
    guid = find.buildpack(session, name)["guid"]
    given = {"position": position, "name": new, "enabled": enabled, "locked": locked}
    body: Json = {key: value for key, value in given.items() if value is not None}
    if body.get("locked") is False:
        session.api.patch(f"/v3/buildpacks/{guid}", {"locked": body.pop("locked")})
    if path:
        _upload(session, name, guid, path)
    if body:
        session.api.patch(f"/v3/buildpacks/{guid}", body)
    say(f"Buildpack {new or name} is changed.")


@click.command()
@click.argument("name")
@forced
@click.pass_obj
def delete_buildpack(session: Session, name: str, force: bool) -> None:
    """Remove a buildpack."""
    sure(f"Delete buildpack {name}?", force)
    session.api.change("DELETE", f"/v3/buildpacks/{find.buildpack(session, name)['guid']}")
    say(f"Buildpack {name} is deleted.")


@click.command()
@as_json
@click.pass_obj
def stacks(session: Session, json: bool) -> None:
    """Root file systems that apps run on."""
    found = session.api.list("/v3/stacks")
    if json:
        document(found)
    else:
        table(["name", "description"], [[one["name"], one["description"] or ""] for one in found], "No stacks.")


def _upload(session: Session, name: str, guid: str, path: Path) -> None:
    with doing(f"Sending buildpack {name}"), tempfile.TemporaryDirectory() as folder:
        file = path
        if path.is_dir():
            file = Path(folder, f"{path.resolve().name}.zip")
            if not archive(files_of(path), set(), file):
                raise ClientError(f"There is nothing in {path}.")
        with file.open("rb") as content:
            files = {"bits": (file.name, content, "application/zip")}
            session.api.change("POST", f"/v3/buildpacks/{guid}/upload", files=files)
