"""`((variable))` placeholders filled on the operator's side; what is not known stays for the director."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from meristem.formats import ops_files
from meristem.formats.errors import FormatError
from meristem.formats.ops_files import Operation
from meristem.formats.values import Hash, Value, hashes, is_hash, is_list, kind_of, text_or_none
from meristem.formats.yaml_marks import load

_PLACEHOLDER = re.compile(r"\(\( ?(!?[-/.\w]+) ?\)\)")


class VariableStore(Protocol):
    """A store that keeps values and can generate those that a manifest defines."""

    def get(self, name: str) -> Value: ...

    def names(self) -> Iterable[str]: ...

    def generate(self, name: str, kind: str, options: Hash) -> Value: ...


@dataclass
class Sources:
    """Where values come from. Strongest first: `values`, `file_values`, `files`, `environment`; `store` comes last."""

    values: dict[str, Value] = field(default_factory=dict[str, Value])
    file_values: dict[str, Value] = field(default_factory=dict[str, Value])
    files: dict[str, Value] = field(default_factory=dict[str, Value])
    environment: dict[str, Value] = field(default_factory=dict[str, Value])
    store: VariableStore | None = None

    def static(self) -> dict[str, Value]:
        """All values but the store's."""
        return {**self.environment, **self.files, **self.file_values, **self.values}

    def add_value(self, argument: str) -> None:
        """`-v name=value`; the value is read as YAML."""
        name, value = _pair(argument, "--var")
        self.values[name] = load(value, f"--var {name}")

    def add_file_value(self, argument: str) -> None:
        """`--var-file name=path`: the file's text."""
        name, path = _pair(argument, "--var-file")
        self.file_values[name] = read_text(Path(path), "--var-file")

    def add_file(self, path: Path) -> None:
        """`-l path`: a YAML hash of values."""
        data = load(read_text(path, "--vars-file"), str(path))
        if data is None:
            return
        if not is_hash(data):
            message = f"Variables file holds {kind_of(data)}"
            raise FormatError(440001, message, place=f"{path}:1", remedy="Write a hash of name: value.")
        self.files.update(data)

    def add_environment(self, prefix: str, environment: Mapping[str, str]) -> None:
        """`--vars-env PREFIX`: PREFIX_name=value, the value read as YAML."""
        for key, value in environment.items():
            if key.startswith(prefix + "_"):
                self.environment[key.removeprefix(prefix + "_")] = load(value, f"environment variable {key}")


def interpolate(
    document: Value,
    sources: Sources,
    operations: list[Operation] | None = None,
    *,
    expect_found: bool = False,
    expect_used: bool = False,
) -> Value:
    """Applies ops, then fills placeholders; variables of the `variables` section found here are dropped from it.

    With `expect_found` unresolved names, with `expect_used` unused ones are an error that lists them.
    """
    work = ops_files.apply(document, operations or [])
    lookup = _Lookup(sources, _definitions(work))
    lookup.fetch_defined()
    result = _fill(work, lookup)
    _drop_found(result, lookup)
    if expect_found and lookup.missing:
        raise _listing("Expected to find variables", lookup.missing, "Give them by -v, -l or --vars-store.")
    if expect_used:
        unused = set(lookup.provided()) - lookup.used
        if unused:
            raise _listing("Expected to use variables", unused, "Drop them, or use them as ((name)).")
    return result


def placeholders(text: str) -> list[str]:
    """The names of the placeholders in a string, without the `!` mark."""
    return [match.removeprefix("!") for match in _PLACEHOLDER.findall(text)]


def read_text(path: Path, what: str) -> str:
    """A text file's content; a missing or unreadable file is a FormatError that names `what`."""
    try:
        return path.read_text("utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise FormatError(440001, f"{what}: {reason}", place=str(path), remedy="Check the path.") from error
    except UnicodeDecodeError as error:
        raise FormatError(440001, f"{what}: not UTF-8", place=str(path), remedy="Save it as UTF-8.") from error


@dataclass(frozen=True)
class _Definition:
    name: str
    kind: str
    options: Hash


class _Lookup:
    def __init__(self, sources: Sources, definitions: list[_Definition]) -> None:
        self._static = sources.static()
        self._store = sources.store
        self._definitions = {definition.name: definition for definition in definitions}
        self._open: list[str] = []
        self.missing: set[str] = set()
        self.used: set[str] = set()
        self.found: set[str] = set()

    def provided(self) -> list[str]:
        return [*self._static, *(self._store.names() if self._store else ())]

    def fetch_defined(self) -> None:
        """Generates or finds what `variables` defines, in its order, so that a CA comes before what it signs."""
        for name, definition in self._definitions.items():
            if self._whole(name)[0]:
                self.found.add(name)
            elif definition.kind:
                self.missing.discard(name)

    def get(self, name: str) -> tuple[bool, Value]:
        """Found?, value; dots after the last slash look into the value."""
        head, *rest = _split(name)
        found, value = self._whole(head)
        if not found:
            self.missing.add(head)
            return False, None
        walked = head
        for part in rest:
            value = _inside(value, part, walked, name)
            walked += "." + part
        return True, value

    def _whole(self, name: str) -> tuple[bool, Value]:
        self.used.add(name)
        if name in self._static:
            return True, self._static[name]
        if self._store is None:
            return False, None
        if name in self._open:
            circle = " -> ".join((*self._open, name))
            remedy = "Break the circle in the options."
            raise FormatError(440001, f"Variables define each other: {circle}", place="variables", remedy=remedy)
        value = self._store.get(name)
        definition = self._definitions.get(name)
        if value is None and definition is not None and definition.kind:
            self._open.append(name)
            options = _fill(definition.options, self)
            self._open.pop()
            value = self._store.generate(name, definition.kind, options if is_hash(options) else {})
        return value is not None, value


def _fill(node: Value, lookup: _Lookup) -> Value:
    if isinstance(node, dict):
        out: dict[str, Value] = {}
        for key, value in node.items():
            name = _fill_text(key, lookup)
            out[text_or_none(name) or key] = _fill(value, lookup)
        return out
    if isinstance(node, list):
        return [_fill(item, lookup) for item in node]
    return _fill_text(node, lookup) if isinstance(node, str) else node


def _fill_text(text: str, lookup: _Lookup) -> Value:
    whole = _PLACEHOLDER.fullmatch(text)
    if whole:
        found, value = lookup.get(whole[1].removeprefix("!"))
        return value if found else text

    def put(match: re.Match[str]) -> str:
        name = match[1].removeprefix("!")
        found, value = lookup.get(name)
        if not found:
            return match[0]
        if isinstance(value, (bool, float)) or not isinstance(value, (str, int)):
            raise FormatError(
                440001,
                f"Invalid type '{kind_of(value)}' for value and variable '{name}'. Supported types for interpolation "
                "within a string are integers and strings.",
                place=f"'{text}'",
                remedy="Make the placeholder the whole value, or give the variable as text.",
            )
        return str(value)

    return _PLACEHOLDER.sub(put, text)


def _inside(value: Value, part: str, walked: str, name: str) -> Value:
    if is_hash(value) and part in value:
        return value[part]
    if is_list(value) and part.isdigit() and int(part) < len(value):
        return value[int(part)]
    known = "', '".join(value) if is_hash(value) else ""
    keys = f"found map keys: '{known}'" if known else f"found {kind_of(value)}"
    raise FormatError(
        440001,
        f"Finding variable '{name}': Expected to find a map key '{part}' for path '/{part}' ({keys})",
        place=f"variable {walked}",
        remedy="Correct the name in the placeholder or the value.",
    )


def _split(name: str) -> list[str]:
    directory, slash, base = name.rpartition("/")
    head, *rest = base.split(".")
    return [directory + slash + head, *rest]


def _definitions(document: Value) -> list[_Definition]:
    found = document.get("variables") if is_hash(document) else None
    out: list[_Definition] = []
    for item in hashes(found):
        name, options = text_or_none(item.get("name")), item.get("options")
        if name:
            out.append(_Definition(name, text_or_none(item.get("type")) or "", options if is_hash(options) else {}))
    return out


def _drop_found(document: Value, lookup: _Lookup) -> None:
    if not is_hash(document) or not lookup.found:
        return
    section = document.get("variables")
    if not is_list(section):
        return
    left: list[Value] = [item for item in section if not (is_hash(item) and item.get("name") in lookup.found)]
    document["variables"] = left


def _listing(message: str, names: Iterable[str], remedy: str) -> FormatError:
    return FormatError(440001, f"{message}: {', '.join(sorted(names))}", place="variables", remedy=remedy)


def _pair(argument: str, flag: str) -> tuple[str, str]:
    name, equals, value = argument.partition("=")
    if not equals or not name:
        message = f"Expected {flag} '{argument}' to be in format 'name=value'"
        raise FormatError(440001, message, place=flag, remedy=f"Write {flag} name=value.")
    return name, value
