"""``manifest.yml``: apps as their users write them down."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import yaml

from paas.client.errors import ClientError

App = dict[str, Any]
VARIABLE = re.compile(r"\(\(([\w.-]+)\)\)")


def find_manifest(given: Path | None, here: Path) -> Path | None:
    """The file that is given (or in the folder that is given), or the one that lies `here`."""
    places = (
        [given] if given and given.is_file() else [(given or here) / name for name in ("manifest.yml", "manifest.yaml")]
    )
    found = next((place for place in places if place.is_file()), None)
    if given and found is None:
        raise ClientError(f"There is no manifest at {given}.")
    return found


def read_manifest(file: Path, variables: dict[str, Any]) -> list[App]:
    """Its apps; their paths are made relative to the file. ClientError says where it is wrong."""
    try:
        document: Any = yaml.safe_load(_filled(file, variables))
    except yaml.YAMLError as error:
        raise ClientError(f"{file} is not YAML: {error}") from None
    apps: Any = document.get("applications") if isinstance(document, dict) else None
    if not isinstance(apps, list) or not apps:
        raise ClientError(f"{file} has no list 'applications'.")
    read: list[App] = []
    for number, app in enumerate(cast("list[Any]", apps)):
        if not isinstance(app, dict):
            raise ClientError(f"{file}: applications[{number}] is not a mapping.")
        held = cast("App", app)
        if isinstance(held.get("path"), str):
            held["path"] = str(file.parent / held["path"])
        read.append(held)
    return read


def read_variables(files: tuple[Path, ...], given: tuple[str, ...]) -> dict[str, Any]:
    """Of YAML files, and of NAME=VALUE, which counts more."""
    held: dict[str, Any] = {}
    for file in files:
        try:
            document: Any = yaml.safe_load(file.read_text())
        except OSError as error:
            raise ClientError(f"{file}: {error.strerror}") from None
        except yaml.YAMLError as error:
            raise ClientError(f"{file} is not YAML: {error}") from None
        if not isinstance(document, dict):
            raise ClientError(f"{file} is not a mapping of names to values.")
        held |= cast("dict[str, Any]", document)
    for one in given:
        name, equals, value = one.partition("=")
        if not equals:
            raise ClientError(f"'{one}' gives no value.", "Write --var NAME=VALUE.")
        held[name] = value
    return held


def chosen(apps: list[App], name: str | None, file: Path | None) -> list[App]:
    """The app of that name, or all."""
    if name is None:
        for number, app in enumerate(apps):
            if not app.get("name"):
                raise ClientError(f"{file or 'The manifest'}: applications[{number}] has no name.", "paas push NAME")
        return apps
    named = [app for app in apps if app.get("name") == name]
    if named:
        return named
    if len(apps) == 1:
        return [{**apps[0], "name": name}]
    raise ClientError(f"{file} has no app '{name}'.", f"It has: {', '.join(str(app.get('name')) for app in apps)}.")


def document(app: App) -> bytes:
    """One app as the platform takes it."""
    sent = {name: value for name, value in app.items() if name not in ("path", "docker")}
    return yaml.safe_dump({"applications": [sent]}, sort_keys=False).encode()


def _filled(file: Path, variables: dict[str, Any]) -> str:
    try:
        text = file.read_text()
    except OSError as error:
        raise ClientError(f"{file}: {error.strerror}") from None
    missing = sorted({name for name in VARIABLE.findall(text) if name not in variables})
    if missing:
        raise ClientError(
            f"{file} wants variables: {', '.join(missing)}.", "Give --var NAME=VALUE or --vars-file FILE."
        )
    return VARIABLE.sub(lambda found: str(variables[found[1]]), text)
