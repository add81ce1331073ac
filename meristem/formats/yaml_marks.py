"""Safe YAML that remembers the line of every key; follows YAML 1.1 as the stock director and CLI read it."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Hashable
from typing import Any, cast

import yaml

from meristem.formats.errors import YamlError
from meristem.formats.values import KeyPath, Value
from meristem.formats.yaml_depth import check_depth

_MAX_NODES = 500_000
_MAX_DEPTH = 400
_TAG_PREFIX = "tag:yaml.org,2002:"


class Marks:
    """Lines of a document by key path; a path the document lacks answers with its nearest ancestor's line."""

    def __init__(self, name: str, lines: dict[KeyPath, int]) -> None:
        self.name = name
        self._lines = lines

    def at(self, path: KeyPath) -> int:
        """1-based line of the key (or list item) at `path`; 1 for an empty document."""
        probe = tuple(path)
        while probe not in self._lines and probe:
            probe = probe[:-1]
        return self._lines.get(probe, 1)

    def place(self, path: KeyPath) -> str:
        """`file:line (a.b[2].c)`, for error messages."""
        return f"{self.name}:{self.at(path)}" + (f" ({dotted(path)})" if path else "")


def dotted(path: KeyPath) -> str:
    """`instance_groups[0].name` for `("instance_groups", 0, "name")`."""
    out = ""
    for part in path:
        out += f"[{part}]" if isinstance(part, int) else (f".{part}" if out else part)
    return out


class _Loader(yaml.CSafeLoader):
    pass


# As the public CLI reads numbers: exponents without a point and 0o17 are numbers, 1:30 is text.
_INT = re.compile(r"^(?:[-+]?0b[01_]+|[-+]?0o?[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+)$")
_FLOAT = re.compile(
    r"^(?:[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?|[-+]?\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)


def _text(loader: _Loader, node: yaml.Node) -> str:
    return loader.construct_scalar(cast(yaml.ScalarNode, node))  # pyright: ignore[reportUnknownMemberType]


def _float(loader: _Loader, node: yaml.Node) -> float | str:
    built = cast(float, cast(Any, loader).construct_yaml_float(node))
    text = _text(loader, node)
    # digits with an e among them are some token or other: the public CLI, too, keeps one that no float can hold
    return text if math.isinf(built) and "inf" not in text.lower() else built


def _binary(loader: _Loader, node: yaml.Node) -> str:
    raw = _text(loader, node)
    try:
        return base64.b64decode("".join(raw.split()), validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise yaml.constructor.ConstructorError(None, None, f"bad !binary value: {error}", node.start_mark) from error


def _register() -> None:
    # Ruby writes digests as `!binary`; dates stay the text that was typed, as the public CLI keeps them.
    for tag, build in (("binary", _binary), ("timestamp", _text), ("value", _text), ("float", _float)):
        cast(Any, _Loader).add_constructor(_TAG_PREFIX + tag, build)
    cast(Any, _Loader).add_constructor("!binary", _binary)
    numbers = (_TAG_PREFIX + "int", _TAG_PREFIX + "float")
    inherited = cast("dict[str, list[tuple[str, object]]]", yaml.CSafeLoader.yaml_implicit_resolvers)
    cast(Any, _Loader).yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in numbers]
        for first, resolvers in inherited.items()
    }
    for tag, pattern, first in ((numbers[0], _INT, "-+0123456789"), (numbers[1], _FLOAT, "-+.0123456789")):
        cast(Any, _Loader).add_implicit_resolver(tag, pattern, list(first))


_register()


class _Builder:
    """Turns the composed node graph into plain data, noting lines and refusing repeated keys."""

    def __init__(self, loader: _Loader, name: str) -> None:
        self._loader = loader
        self._name = name
        self._count = 0
        self._open: set[int] = set()
        self.lines: dict[KeyPath, int] = {}

    def build(self, node: yaml.Node, path: KeyPath) -> Value:
        self._count += 1
        if self._count > _MAX_NODES or len(path) > _MAX_DEPTH:
            raise self._error(node, "document grows too large when its aliases are followed", "Use fewer aliases.")
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if id(node) in self._open:
            raise self._error(node, "alias refers to itself", "Remove the recursive alias.")
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                items = cast("list[yaml.Node]", node.value)
                return [self.build(item, (*path, index)) for index, item in enumerate(items)]
            return self._mapping(cast(yaml.MappingNode, node), path)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Value]:
        merged: dict[str, Value] = {}
        own: dict[str, Value] = {}
        for key_node, value_node in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error(key_node, "a key must be a scalar", "Write the key as plain text.")
            if key_node.tag == _TAG_PREFIX + "merge":
                for name, value in self._merge(value_node, path).items():
                    merged.setdefault(name, value)
                continue
            key = str(key_node.value)
            if key in own:
                first = self.lines[(*path, key)]
                message = f"key '{key}' appears twice, first on line {first}"
                raise self._error(key_node, message, "Keep one of the two.")
            self.lines[(*path, key)] = key_node.start_mark.line + 1
            own[key] = self.build(value_node, (*path, key))
        return {**merged, **own}

    def _merge(self, node: yaml.Node, path: KeyPath) -> dict[str, Value]:
        sources = cast("list[yaml.Node]", node.value) if isinstance(node, yaml.SequenceNode) else [node]
        out: dict[str, Value] = {}
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                raise self._error(source, "'<<' expects a hash or a list of hashes", "Point '<<' at a hash.")
            value = self.build(source, (*path, "<<"))
            if isinstance(value, dict):
                for name, item in value.items():
                    out.setdefault(name, item)
                    self.lines.setdefault((*path, name), source.start_mark.line + 1)
        return out

    def _scalar(self, node: yaml.ScalarNode) -> Value:
        try:
            built = cast(Hashable, self._loader.construct_object(node, deep=True))  # pyright: ignore[reportUnknownMemberType]
        except yaml.MarkedYAMLError as error:
            raise _wrap(error, self._name) from error
        except (ValueError, OverflowError) as error:
            raise self._error(node, f"bad value '{node.value}': {error}", "Quote it if it is text.") from error
        if built is None or isinstance(built, (bool, int, float, str)):
            return built
        return str(node.value)

    def _error(self, node: yaml.Node, message: str, remedy: str) -> YamlError:
        mark = node.start_mark
        return YamlError(message, name=self._name, line=mark.line + 1, column=mark.column + 1, remedy=remedy)


def _wrap(error: yaml.YAMLError, name: str) -> YamlError:
    remedy = "Correct the YAML at this line (often indentation, a missing quote or a tab)."
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "YAML does not parse"
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        return YamlError(f"invalid YAML: {problem}", name=name, line=line, column=column, remedy=remedy)
    first_line = str(error).splitlines()[0] if str(error) else "YAML does not parse"
    return YamlError(f"invalid YAML: {first_line}", name=name, line=0, column=0, remedy=remedy)


def load_with_marks(text: str | bytes, name: str) -> tuple[Value, Marks]:
    """Parses one YAML document.

    Returns plain data that shares nothing (aliases and merges are copied out) and the lines of its keys. Keys are kept
    as the text that was written. Raises YamlError with file and line for bad syntax, repeated keys, unknown tags,
    several documents, recursive aliases.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = text[: error.start].count(b"\n") + 1
            raise YamlError("not UTF-8 text", name=name, line=line, column=1, remedy="Save it as UTF-8.") from error
    try:
        loader = _Loader(text)
    except yaml.YAMLError as error:
        raise _wrap(error, name) from error
    try:
        check_depth(text)
        node = loader.get_single_node()
        if node is None:
            return None, Marks(name, {(): 1})
        builder = _Builder(loader, name)
        return builder.build(node, ()), Marks(name, builder.lines)
    except yaml.YAMLError as error:
        raise _wrap(error, name) from error
    except RecursionError as error:
        remedy = "Flatten the document."
        raise YamlError("nested too deeply", name=name, line=0, column=0, remedy=remedy) from error
    finally:
        loader.dispose()


def load(text: str | bytes, name: str) -> Value:
    """The data of `load_with_marks` alone."""
    return load_with_marks(text, name)[0]
