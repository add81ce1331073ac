"""What jobs provide and consume: a job's spec together with what the manifest says of it (reference §6)."""

from __future__ import annotations

from typing import Any, cast

from msgspec import Struct, field, structs

from director.manifest.properties import ABSENT, declared, find_property, put
from director.manifest.reader import did_you_mean
from director.model.deployment import Document, InstanceGroup, JobWanted
from director.model.errors import BadRequest, Faults, Place
from director.model.rows import JobRow

INVALID_LINK = 190016

_MANUAL = ("instances", "properties", "address")


class Provider(Struct, frozen=True):
    """A link offered by a job (or ``kind`` disk). ``alias`` is the name that consumers ask for."""

    deployment: str
    group: str
    job: str
    name: str
    type: str
    alias: str
    kind: str = "job"
    shared: bool = False
    consumable: bool = True
    custom: bool = False
    aliases: tuple[Document, ...] = ()
    properties: Document = field(default_factory=dict)


class Consumer(Struct, frozen=True):
    """A link wanted by a job. ``explicit``: the manifest mentions it; ``manual``: the manifest holds its content."""

    group: str
    job: str
    name: str
    type: str
    place: Place
    optional: bool = False
    explicit: bool = False
    blocked: bool = False
    wanted: str = ""
    deployment: str = ""
    network: str = ""
    ip_addresses: bool | None = None
    manual: Document | None = None


class JobPlace(Struct, frozen=True):
    """Where a job stands, for messages."""

    group: InstanceGroup
    job: str
    document: str = "manifest"

    def at(self, *below: str) -> Place:
        path = "/".join((f"/instance_groups/name={self.group.name}", f"jobs/name={self.job}", *below))
        return Place(self.document, self.group.line, path)

    def __str__(self) -> str:
        return f"in job '{self.job}' in instance group '{self.group.name}'"


def read_providers(
    deployment: str, where: JobPlace, wanted: JobWanted, row: JobRow, faults: Faults, warnings: list[str]
) -> list[Provider]:
    """Release-defined providers, then custom ones. ``warnings`` receives names that the release does not define."""
    released = _definitions(row.spec.get("provides"))
    custom = _custom(where, wanted, {str(one.get("name")) for one in released}, faults)
    out: list[Provider] = []
    for definition, is_custom in (*((one, False) for one in released), *((one, True) for one in custom)):
        name = str(definition.get("name"))
        source = wanted.provides.get(name, {})
        if not _check_provides(where, name, source, faults):
            continue
        options: Document = source if isinstance(source, dict) else {}
        out.append(
            Provider(
                deployment=deployment,
                group=where.group.name,
                job=wanted.name,
                name=name,
                type=str(definition.get("type")),
                alias=str(options.get("as") or name),
                shared=options.get("shared") is True,
                consumable=source != "nil",
                custom=is_custom,
                aliases=tuple(options.get("aliases") or ()),
                properties=_mapped(where, wanted, row, definition, faults),
            )
        )
    _warn_unknown(where, "provides", wanted.provides, _names(released) | _names(custom), warnings)
    return out


def read_consumers(
    where: JobPlace, wanted: JobWanted, row: JobRow, faults: Faults, warnings: list[str]
) -> list[Consumer]:
    """One consumer for each link of the job's spec."""
    out: list[Consumer] = []
    definitions = _definitions(row.spec.get("consumes"))
    for definition in definitions:
        name = str(definition.get("name"))
        base = Consumer(
            group=where.group.name,
            job=wanted.name,
            name=name,
            type=str(definition.get("type")),
            place=where.at("consumes", name),
            optional=definition.get("optional") is True,
            wanted=name,
        )
        if name not in wanted.consumes:
            out.append(base)
        elif (found := _explicit(base, where, wanted.consumes[name], faults)) is not None:
            out.append(found)
    _warn_unknown(where, "consumes", wanted.consumes, _names(definitions), warnings)
    return out


def _explicit(base: Consumer, where: JobPlace, source: Any, faults: Faults) -> Consumer | None:
    if source == "nil":
        return structs.replace(base, explicit=True, blocked=True)
    if not isinstance(source, dict):
        return None  # recorded when the manifest was read
    given = cast(Document, source)
    if not _check_consumes(base, where, given, faults):
        return None
    if any(key in given for key in _MANUAL):
        return structs.replace(base, explicit=True, manual={key: given.get(key) for key in _MANUAL})
    return structs.replace(
        base,
        explicit=True,
        wanted=str(given.get("from") or base.name).rpartition(".")[2],
        deployment=str(given.get("deployment") or ""),
        network=str(given.get("network") or ""),
        ip_addresses=given.get("ip_addresses"),
    )


def _check_consumes(base: Consumer, where: JobPlace, given: Document, faults: Faults) -> bool:
    name = base.name
    found: list[tuple[str, str]] = [
        (f"Cannot specify both '{key}' and 'from' keys for link '{name}' {where}.", f"Remove 'from' or '{key}'.")
        for key in ("instances", "properties")
        if key in given and "from" in given
    ]
    if "properties" in given and "instances" not in given:
        message = f"Cannot specify 'properties' without 'instances' for link '{name}' {where}."
        found.append((message, "Add 'instances' with the addresses."))
    if "ip_addresses" in given and not isinstance(given["ip_addresses"], bool):
        message = f"Cannot specify non boolean values for 'ip_addresses' field for link '{name}' {where}."
        found.append((message, "Write true or false without quotes."))
    if "name" in given or "type" in given:
        message = (
            f"Cannot specify 'name' or 'type' properties in the manifest for link '{name}' {where}. Please provide these"
            " keys in the release only."
        )
        found.append((message, "Remove them; 'from' names the provider."))
    for message, remedy in found:
        faults.add(BadRequest(message, code=INVALID_LINK, place=base.place, remedy=remedy))
    return not found


def _check_provides(where: JobPlace, name: str, source: Any, faults: Faults) -> bool:
    if source == "nil":
        return True
    if not isinstance(source, dict):
        return False  # recorded when the manifest was read
    if "name" in source or "type" in source:
        message = (
            f"Cannot specify 'name' or 'type' properties in the manifest for link '{name}' {where}. Please provide these"
            " keys in the release only."
        )
        remedy = "Remove them; 'as' renames the link."
        faults.add(BadRequest(message, code=INVALID_LINK, place=where.at("provides", name), remedy=remedy))
        return False
    return True


def _custom(where: JobPlace, wanted: JobWanted, released: set[str], faults: Faults) -> list[Document]:
    out: list[Document] = []
    for definition in wanted.custom_provider_definitions:
        problems: list[tuple[str, str]] = []
        group = where.group.name
        for key in ("name", "type"):
            if not isinstance(definition.get(key), str) or not definition[key]:
                message = (
                    f"{key.title()} for custom link provider definition in manifest in job '{wanted.name}' in instance"
                    f" group '{group}' must be a valid non-empty string."
                )
                problems.append((message, f"Give it a '{key}'."))
        name = str(definition.get("name"))
        if name in released:
            message = f"Custom provider '{name}' {where} is already defined in release '{wanted.release}'"
            problems.append((message, "Choose another name."))
        if any(name == str(held.get("name")) for held in out):
            message = f"Custom provider '{name}' {where} is defined multiple times in manifest."
            problems.append((message, "Keep one of them."))
        for message, remedy in problems:
            place = where.at("custom_provider_definitions")
            faults.add(BadRequest(message, code=INVALID_LINK, place=place, remedy=remedy))
        if not problems:
            out.append(definition)
    return out


def _mapped(where: JobPlace, wanted: JobWanted, row: JobRow, definition: Document, faults: Faults) -> Document:
    """The declared subset of the provider job's properties, with the spec's defaults."""
    out: Document = {}
    defaults = declared(row)
    for name in definition.get("properties") or ():
        path = str(name).split(".")
        value, _ = find_property(wanted.properties or {}, path)
        if value is not ABSENT:
            put(out, path, value)
        elif name in defaults:
            put(out, path, defaults[name])
        else:
            message = f"Link property {name} in template {wanted.name} is not defined in release spec"
            place = where.at("provides", str(definition.get("name")))
            faults.add(BadRequest(message, code=INVALID_LINK, place=place, remedy=did_you_mean(str(name), defaults)))
    return out


def _warn_unknown(where: JobPlace, section: str, given: Document, known: set[str], warnings: list[str]) -> None:
    role = "provider" if section == "provides" else "consumer"
    warnings += [
        f"Job '{where.job}' does not define link {role} '{name}' in the release spec (at {where.at(section, name)})."
        f" {did_you_mean(name, known)}"
        for name in given
        if name not in known
    ]


def _definitions(found: Any) -> list[Document]:
    return [cast(Document, one) for one in cast("list[Any]", found or []) if isinstance(one, dict)]


def _names(definitions: list[Document]) -> set[str]:
    return {str(one.get("name")) for one in definitions}
