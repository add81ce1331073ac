"""Reads a manifest: YAML into structs; what is wrong is told with the app it is wrong for."""

from __future__ import annotations

from typing import Any

import msgspec
import yaml
from msgspec import UNSET, UnsetType

from paas.cloud_controller.api.body import Metadata, convert
from paas.cloud_controller.api.errors import ApiError, invalid_request, parse_error, unprocessable

MOST_APPS = 200
MOST_NODES = 100_000
MOST_DEPTH = 100


class Sized(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """What may be said of a process, or at the top for the web process."""

    instances: int | UnsetType = UNSET
    memory: str | UnsetType = UNSET
    disk_quota: str | UnsetType = msgspec.field(default=UNSET, name="disk_quota")
    log_rate_limit_per_second: str | int | UnsetType = UNSET
    command: str | UnsetType | None = UNSET
    health_check_type: str | UnsetType = UNSET
    health_check_http_endpoint: str | UnsetType = UNSET
    health_check_invocation_timeout: int | UnsetType = UNSET
    health_check_interval: int | UnsetType = UNSET
    readiness_health_check_type: str | UnsetType = UNSET
    readiness_health_check_http_endpoint: str | UnsetType = UNSET
    readiness_health_check_invocation_timeout: int | UnsetType = UNSET
    readiness_health_check_interval: int | UnsetType = UNSET
    timeout: int | UnsetType = UNSET


class ProcessManifest(Sized, frozen=True, kw_only=True, rename="kebab"):
    """An entry of ``processes``."""

    type: str


class RouteManifest(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of ``routes``."""

    route: str
    protocol: str = "http1"
    options: dict[str, Any] = {}


class ServiceManifest(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of ``services``, in its long form."""

    name: str
    binding_name: str | None = None
    parameters: dict[str, Any] = {}


class AppManifest(Sized, frozen=True, kw_only=True, rename="kebab"):
    """An entry of ``applications``. Keys that only clients know (``path``) are passed over."""

    name: str = ""
    buildpack: str | UnsetType | None = UNSET
    buildpacks: list[str] | UnsetType | None = UNSET
    stack: str | UnsetType | None = UNSET
    env: dict[str, Any] | UnsetType | None = UNSET
    services: list[str | ServiceManifest] | UnsetType = UNSET
    processes: list[ProcessManifest] | UnsetType = UNSET
    routes: list[RouteManifest] | UnsetType = UNSET
    no_route: bool = False
    random_route: bool = False
    default_route: bool = False
    metadata: Metadata | UnsetType = UNSET
    docker: Any = None
    lifecycle: str = "buildpack"

    @property
    def asked_buildpacks(self) -> list[str] | UnsetType:
        """By either key; ``default`` and null stand for detection."""
        if self.buildpacks is not UNSET:
            return self.buildpacks or []
        if self.buildpack is not UNSET:
            return [] if self.buildpack in (None, "default", "null") else [self.buildpack]
        return UNSET

    def variables(self) -> dict[str, str | None]:
        """The environment: values that YAML made something else of are texts again."""
        given = {} if self.env is UNSET else (self.env or {})
        return {name: _text(value) for name, value in given.items()}

    def sized(self) -> list[ProcessManifest]:
        """All processes; what stands at the top is the web process's, unless ``processes`` says otherwise."""
        found = {one.type: one for one in (self.processes or [])}
        names = Sized.__struct_fields__
        top = {name: getattr(self, name) for name in names if getattr(self, name) is not UNSET}
        if "web" in found:
            nested = {name: getattr(found["web"], name) for name in names if getattr(found["web"], name) is not UNSET}
            found["web"] = ProcessManifest(type="web", **{**top, **nested})
        elif top:
            found["web"] = ProcessManifest(type="web", **top)
        return list(found.values())


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    return msgspec.json.encode(value).decode()


class _Loader(yaml.CSafeLoader):
    """Dates stay as they are written."""


_Loader.yaml_implicit_resolvers = {
    first: [one for one in resolvers if one[0] != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def load_manifest(raw: bytes) -> dict[str, Any]:
    """The document; 400 where it is no YAML, or no manifest."""
    try:
        _check_depth(raw)
        found = yaml.load(raw, _Loader)  # noqa: S506
        size = _expanded(found, {})
    except yaml.YAMLError as error:
        raise parse_error(f"the manifest is not YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise parse_error("the manifest is nested too deeply") from None
    if size > MOST_NODES:
        raise invalid_request("The manifest refers to its own parts too often")
    if not isinstance(found, dict) or not isinstance(found.get("applications"), list):
        raise unprocessable("Cannot parse manifest with no 'applications' field.")
    return found


def _check_depth(raw: bytes) -> None:
    """400 before the document is composed: libyaml does that by recursion in C, which ends the process where it is too deep."""
    depth = 0
    for event in yaml.parse(raw, _Loader):
        if isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            depth += 1
            if depth > MOST_DEPTH:
                raise parse_error("the manifest is nested too deeply")
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            depth -= 1


def _expanded(node: Any, known: dict[int, int]) -> int:
    """How many values there are when each reference is written out."""
    if not isinstance(node, (dict, list)):
        return 1
    if id(node) not in known:
        parts = list(node.values()) if isinstance(node, dict) else node
        known[id(node)] = MOST_NODES + 1  # a part of itself
        known[id(node)] = 1 + sum(_expanded(one, known) for one in parts)
    return known[id(node)]


def read_manifest(raw: bytes) -> list[AppManifest]:
    """The apps of a manifest; 422 names app and key of what is wrong."""
    given: list[Any] = load_manifest(raw)["applications"]
    if not given:
        raise unprocessable("Manifest must have at least one application")
    if len(given) > MOST_APPS:
        raise unprocessable(f"Manifest has more than {MOST_APPS} applications")
    return [read_app(one, number) for number, one in enumerate(given)]


def read_app(given: Any, number: int) -> AppManifest:
    """One app."""
    name = given.get("name") if isinstance(given, dict) else None
    where = f"For application '{name}'" if isinstance(name, str) and name else f"For application at index {number}"
    try:
        app = convert(given, AppManifest)
    except ApiError as error:
        raise unprocessable(f"{where}: {error.detail}") from None
    if not app.name:
        raise unprocessable(f"{where}: Name must not be empty")
    if app.docker is not None:
        raise unprocessable(f"{where}: docker images are not supported on this platform")
    if app.buildpack is not UNSET and app.buildpacks is not UNSET:
        raise unprocessable(f"{where}: Buildpack and Buildpacks fields cannot be used together.")
    if app.no_route and app.routes is not UNSET and app.routes:
        raise unprocessable(f"{where}: cannot use the combination of properties: no-route, routes")
    if app.random_route and app.default_route:
        raise unprocessable(f"{where}: Random-route and default-route may not be used together")
    kinds = [one.type for one in (app.processes or [])]
    if repeated := {one for one in kinds if kinds.count(one) > 1}:
        raise unprocessable(f'{where}: Process "{min(repeated)}" may only be present once')
    return app
