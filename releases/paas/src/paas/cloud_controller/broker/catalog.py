"""A broker's catalog: read, and all its faults told at once. Source: Open Service Broker API 2.17."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

TAGS_CHARACTERS = 2048
DESCRIPTION_CHARACTERS = 10_000
MAINTENANCE_CHARACTERS = 2000
SCHEMA_BYTES = 65536
MOST_FAULTS = 200
REQUIRES = ("syslog_drain", "route_forwarding", "volume_mount")
_VERSION = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
)


class CatalogError(Exception):
    """A catalog that cannot be taken; `faults` has them all, each with its place."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("Service broker catalog is invalid: \n" + "\n".join(faults[:MOST_FAULTS]))


@dataclass(frozen=True)
class Plan:
    """`entry` is the broker's own."""

    id: str
    name: str
    description: str
    free: bool
    entry: dict[str, Any]


@dataclass(frozen=True)
class Service:
    """`entry` is the broker's own, without its plans."""

    id: str
    name: str
    description: str
    bindable: bool
    tags: list[str]
    requires: list[str]
    shareable: bool
    documentation_url: str | None
    entry: dict[str, Any]
    plans: list[Plan]


@dataclass
class _Faults:
    found: list[str] = field(default_factory=list[str])

    def add(self, place: str, what: str) -> None:
        self.found.append(f"{place}: {what}" if place else what)

    def check(
        self, place: str, entry: dict[str, Any], key: str, kind: tuple[str, Callable[[Any], bool]], required: bool
    ) -> None:
        value = entry.get(key)
        word, fits = kind
        if value is None:
            if required:
                self.add(place, f"{key} is required")
        elif not fits(value):
            self.add(place, f"{key} must be {word}, but has value {_shown(value)}")
        elif required and isinstance(value, str) and not value.strip():
            self.add(place, f"{key} is required")


TEXT: tuple[str, Callable[[Any], bool]] = ("a string", lambda value: isinstance(value, str))
TRUTH: tuple[str, Callable[[Any], bool]] = ("a boolean", lambda value: isinstance(value, bool))
OBJECT: tuple[str, Callable[[Any], bool]] = ("an object", lambda value: isinstance(value, dict))
TEXTS: tuple[str, Callable[[Any], bool]] = (
    "a list of strings",
    lambda value: isinstance(value, list) and all(isinstance(one, str) for one in value),
)
WHOLE: tuple[str, Callable[[Any], bool]] = (
    "a whole number",
    lambda value: isinstance(value, int) and not isinstance(value, bool),
)


def read_catalog(document: dict[str, Any]) -> list[Service]:
    """The services; CatalogError with every fault there is."""
    faults = _Faults()
    services = document.get("services")
    if not isinstance(services, list) or not services:
        raise CatalogError(["services: the service broker must provide a list with at least one service"])
    seen_plans: dict[str, str] = {}
    entries = [one for one in services if isinstance(one, dict)]
    for index, service in enumerate(services):
        if not isinstance(service, dict):
            faults.add(f"services[{index}]", f"must be an object, but has value {_shown(service)}")
            continue
        _check_service(faults, _place("Service", service, f"services[{index}]"), service, seen_plans)
    for key in ("id", "name"):
        for value in _repeated(entries, key):
            faults.add("", f"Service {key}s must be unique within a broker: {_shown(value)} comes more than once")
    clients = [one["dashboard_client"] for one in entries if isinstance(one.get("dashboard_client"), dict)]
    for value in _repeated(clients, "id"):
        faults.add("", f"Service dashboard_client id must be unique: {_shown(value)} comes more than once")
    if faults.found:
        raise CatalogError(faults.found)
    return [_service(one) for one in entries]


def _check_service(faults: _Faults, place: str, entry: dict[str, Any], seen: dict[str, str]) -> None:
    for key in ("id", "name", "description"):
        faults.check(place, entry, key, TEXT, required=True)
    _check_length(faults, place, entry)
    faults.check(place, entry, "bindable", TRUTH, required=True)
    for key in ("plan_updateable", "bindings_retrievable", "instances_retrievable", "allow_context_updates"):
        faults.check(place, entry, key, TRUTH, required=False)
    faults.check(place, entry, "tags", TEXTS, required=False)
    if TEXTS[1](entry.get("tags")) and len("".join(entry["tags"])) > TAGS_CHARACTERS:
        faults.add(place, f"tags must be {TAGS_CHARACTERS} characters or less together")
    faults.check(place, entry, "requires", TEXTS, required=False)
    for value in entry["requires"] if TEXTS[1](entry.get("requires")) else ():
        if value not in REQUIRES:
            faults.add(place, f"requires contains unsupported value {_shown(value)}; known are {', '.join(REQUIRES)}")
    _check_metadata(faults, place, entry)
    if entry.get("dashboard_client") is not None:
        faults.check(place, entry, "dashboard_client", OBJECT, required=False)
        if isinstance(entry["dashboard_client"], dict):
            for key in ("id", "secret", "redirect_uri"):
                # a secret must not be told: only that it is missing or of a wrong kind
                faults.check(f"{place}: dashboard_client", _hidden(entry["dashboard_client"]), key, TEXT, required=True)
    plans = entry.get("plans")
    if not isinstance(plans, list) or not plans:
        faults.add(place, "At least one plan is required: plans must be a list of objects")
        return
    _check_plans(faults, place, plans, seen)


def _check_plans(faults: _Faults, place: str, plans: list[Any], seen: dict[str, str]) -> None:
    entries = [one for one in plans if isinstance(one, dict)]
    for index, plan in enumerate(plans):
        if not isinstance(plan, dict):
            faults.add(f"{place}: plans[{index}]", f"must be an object, but has value {_shown(plan)}")
            continue
        here = f"{place}: {_place('Plan', plan, f'plans[{index}]')}"
        _check_plan(faults, here, plan)
        if isinstance(plan.get("id"), str):
            if plan["id"] in seen:
                faults.add(here, f"Plan ids must be unique: '{plan['id']}' is that of {seen[plan['id']]} too")
            seen.setdefault(plan["id"], here)
    for value in _repeated(entries, "name"):
        faults.add(place, f"Plan names must be unique within a service: {_shown(value)} comes more than once")


def _check_plan(faults: _Faults, place: str, plan: dict[str, Any]) -> None:
    for key in ("id", "name", "description"):
        faults.check(place, plan, key, TEXT, required=True)
    _check_length(faults, place, plan)
    for key in ("free", "bindable", "plan_updateable"):
        faults.check(place, plan, key, TRUTH, required=False)
    faults.check(place, plan, "maximum_polling_duration", WHOLE, required=False)
    faults.check(place, plan, "schemas", OBJECT, required=False)
    if isinstance(plan.get("schemas"), dict) and len(msgspec.json.encode(plan["schemas"])) > SCHEMA_BYTES:
        faults.add(place, f"schemas must not be larger than {SCHEMA_BYTES} bytes")
    _check_metadata(faults, place, plan)
    faults.check(place, plan, "maintenance_info", OBJECT, required=False)
    if isinstance(plan.get("maintenance_info"), dict):
        _check_maintenance(faults, f"{place}: maintenance_info", plan["maintenance_info"])


def _check_maintenance(faults: _Faults, place: str, entry: dict[str, Any]) -> None:
    faults.check(place, entry, "version", TEXT, required=True)
    if isinstance(entry.get("version"), str) and not _VERSION.fullmatch(entry["version"]):
        faults.add(place, f"version must be a Semantic Version, but has value {_shown(entry['version'])}")
    faults.check(place, entry, "description", TEXT, required=False)
    if len(msgspec.json.encode(entry)) > MAINTENANCE_CHARACTERS:
        faults.add(place, f"must be {MAINTENANCE_CHARACTERS} characters or fewer in JSON")
    if extra := sorted(set(entry) - {"version", "description"}):
        faults.add(place, f"contains invalid key(s): {', '.join(extra)}")


def _check_length(faults: _Faults, place: str, entry: dict[str, Any]) -> None:
    if isinstance(entry.get("description"), str) and len(entry["description"]) > DESCRIPTION_CHARACTERS:
        faults.add(place, f"description may not have more than {DESCRIPTION_CHARACTERS} characters")


def _check_metadata(faults: _Faults, place: str, entry: dict[str, Any]) -> None:
    faults.check(place, entry, "metadata", OBJECT, required=False)
    if isinstance(entry.get("metadata"), dict):
        faults.check(f"{place}: metadata", entry["metadata"], "shareable", TRUTH, required=False)


def _hidden(client: dict[str, Any]) -> dict[str, Any]:
    secret = client.get("secret")
    return {**client, "secret": "hidden" if isinstance(secret, str) and secret.strip() else None}


def _repeated(entries: list[dict[str, Any]], key: str) -> list[str]:
    counted = Counter(one[key] for one in entries if isinstance(one.get(key), str))
    return [value for value, count in counted.items() if count > 1]


def _place(kind: str, entry: dict[str, Any], otherwise: str) -> str:
    name = entry.get("name")
    return f"{kind} '{name[:100]}'" if isinstance(name, str) and name.strip() else otherwise


def _shown(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 100 else f"{text[:97]}..."


def _service(entry: dict[str, Any]) -> Service:
    metadata: dict[str, Any] = entry.get("metadata") or {}
    url = metadata.get("documentationUrl")
    return Service(
        id=entry["id"],
        name=entry["name"],
        description=entry["description"],
        bindable=entry["bindable"],
        tags=entry.get("tags") or [],
        requires=entry.get("requires") or [],
        shareable=bool(metadata.get("shareable")),
        documentation_url=url if isinstance(url, str) else None,
        # the client that a dashboard signs in with has a secret, and nothing here uses it
        entry={key: value for key, value in entry.items() if key not in ("plans", "dashboard_client")},
        plans=[_plan(one) for one in entry["plans"]],
    )


def _plan(entry: dict[str, Any]) -> Plan:
    free = entry.get("free")
    return Plan(entry["id"], entry["name"], entry["description"], True if free is None else free, entry)
