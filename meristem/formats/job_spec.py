"""A job's spec (`jobs/<name>/spec`, shipped as job.MF): templates, packages, links, properties."""

from __future__ import annotations

from dataclasses import dataclass

from meristem.formats.document import Document
from meristem.formats.errors import FormatError
from meristem.formats.values import Hash, Value, is_hash, is_list, kind_of


@dataclass(frozen=True)
class Consumed:
    """A link a job wants."""

    name: str
    type: str
    optional: bool


@dataclass(frozen=True)
class Provided:
    """A link a job offers, with the dotted names of the properties it shares."""

    name: str
    type: str
    properties: tuple[str, ...]


@dataclass(frozen=True)
class PropertySpec:
    """A declared property; `has_default` tells a null default from none."""

    description: str
    default: Value
    has_default: bool


@dataclass(frozen=True)
class JobSpec:
    """A checked job spec. `templates` maps source (under templates/) to destination (under the job's directory)."""

    name: str
    description: str
    templates: dict[str, str]
    packages: tuple[str, ...]
    consumes: tuple[Consumed, ...]
    provides: tuple[Provided, ...]
    properties: dict[str, PropertySpec]
    logs: Hash
    raw: Hash

    @property
    def is_errand(self) -> bool:
        """True when a template lands at bin/run: the job can be run as a colocated errand."""
        return "bin/run" in self.templates.values()


def parse(text: str | bytes, file: str, expected_name: str) -> JobSpec:
    """Reads job.MF or spec text. Errors 80000-80014 with the contract's texts."""
    document = Document.parse(text, file, code=80001)
    got = document.optional("name")
    if got != expected_name:
        # The contract's text has this spelling.
        message = f"Inconsistent name for job '{expected_name}'(exptected: '{expected_name}', got: '{got or ''}')"
        remedy = f"Write 'name: {expected_name}', as in the release's job list."
        raise FormatError(80000, message, place=document.place("name"), remedy=remedy)
    properties = _properties(document, expected_name)
    return JobSpec(
        name=expected_name,
        description=document.optional("description") or "",
        templates=_templates(document, expected_name),
        packages=document.names("packages"),
        consumes=_consumes(document, expected_name),
        provides=_provides(document, expected_name, properties),
        properties=properties,
        logs=_hash_or(document, "logs", 80005, f"Job '{expected_name}' has invalid logs spec format"),
        raw=document.data,
    )


def _hash_or(document: Document, key: str, code: int, message: str) -> Hash:
    value = document.data.get(key)
    if value is None or value is False:
        return {}
    if not is_hash(value):
        raise FormatError(code, message, place=document.place(key), remedy=f"'{key}' must be a hash.")
    return value


def _templates(document: Document, job: str) -> dict[str, str]:
    out: dict[str, str] = {}
    for source, target in document.hash("templates").items():
        destination = target if isinstance(target, str) else ""
        for path in (source, destination):
            if not path or path.startswith("/") or ".." in path.split("/"):
                raise FormatError(
                    80002,
                    f"Job '{job}' has template '{source}' with destination '{destination}'",
                    place=document.marks.place((*document.path, "templates", source)),
                    remedy="Both must be relative paths inside the job, such as ctl.erb: bin/ctl.",
                )
        out[source] = destination
    return out


def _properties(document: Document, job: str) -> dict[str, PropertySpec]:
    found = _hash_or(document, "properties", 80008, f"Job '{job}' has invalid properties spec format")
    out: dict[str, PropertySpec] = {}
    for name, value in found.items():
        if value is not None and not is_hash(value):
            raise FormatError(
                80008,
                f"Job '{job}' has invalid properties spec format",
                place=document.marks.place((*document.path, "properties", name)),
                remedy=f"'{name}' must be a hash with description and default, not {kind_of(value)}.",
            )
        fields = value or {}
        description = fields.get("description")
        out[name] = PropertySpec(str(description or ""), fields.get("default"), "default" in fields)
    return out


def _link_items(document: Document, job: str, key: str) -> list[Document]:
    value = document.data.get(key)
    if value is None:
        return []
    place = document.place(key)
    remedy = "Write a list of '- {name: ..., type: ...}'."
    if not is_list(value):
        message = f"Job '{job}' has invalid spec format: '{key}' must be an array of hashes with name and type"
        raise FormatError(80013, message, place=place, remedy=remedy)
    out: list[Document] = []
    seen: set[str] = set()
    for index, item in enumerate(value):
        place = document.marks.place((*document.path, key, index))
        if not is_hash(item):
            message = f"{key.capitalize()} section in the release spec must be a list of hashes"
            raise FormatError(80013, message, place=place, remedy=remedy)
        if "name" not in item or "type" not in item:
            message = f"Each {key} item in the {key} section of the release spec must contain 'name' and 'type'"
            raise FormatError(80013, message, place=place, remedy=remedy)
        name = str(item["name"])
        if name in seen:
            message = f"Job '{job}' specifies duplicate {key} link with name '{name}'"
            raise FormatError(80014, message, place=place, remedy="Give each link its own name.")
        seen.add(name)
        out.append(Document(item, document.marks, (*document.path, key, index)))
    return out


def _consumes(document: Document, job: str) -> tuple[Consumed, ...]:
    return tuple(
        Consumed(item.required("name"), item.required("type"), item.flag("optional"))
        for item in _link_items(document, job, "consumes")
    )


def _provides(document: Document, job: str, properties: dict[str, PropertySpec]) -> tuple[Provided, ...]:
    out: list[Provided] = []
    for item in _link_items(document, job, "provides"):
        name, kind = item.required("name"), item.required("type")
        if "optional" in item.data:
            message = f"Link '{name}' of type '{kind}' is a provides link, not allowed to have 'optional' key"
            raise FormatError(80013, message, place=item.place("optional"), remedy="Remove 'optional'.")
        shared = item.names("properties")
        for wanted in shared:
            if wanted not in properties:
                raise FormatError(
                    80013,
                    f"Link property {wanted} in template {job} is not defined in release spec",
                    place=item.place("properties"),
                    remedy=f"Declare '{wanted}' under the job's properties, or drop it from the link.",
                )
        out.append(Provided(name, kind, shared))
    return tuple(out)
