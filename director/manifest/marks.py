"""Safe YAML with the line of every key; aliases and merge keys are followed, plain data shares nothing."""

from __future__ import annotations

from typing import Any, cast

import yaml
from msgspec import Struct, field

from director.model.errors import BadRequest, Place
from meristem.formats.yaml_depth import check_depth

KeyPath = tuple[str | int, ...]

_MAX_NODES = 500_000
_MAX_DEPTH = 300
_TAG = "tag:yaml.org,2002:"
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Source(Struct, frozen=True):
    """A document's name and the 1-based lines of its keys and list items."""

    name: str
    lines: dict[KeyPath, int] = field(default_factory=dict)

    def line(self, path: KeyPath) -> int:
        """The line of ``path``, or of its nearest ancestor that the document has."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def place(self, path: KeyPath) -> Place:
        """Document, line and key path (``/instance_groups/0/name``) for an error."""
        return Place(self.name, self.line(path), "/" + "/".join(str(part) for part in path))


def read_yaml(text: str, name: str) -> tuple[Any, Source]:
    """One YAML document and its lines. Raises `BadRequest` (710000) for bad syntax, a key given twice, a recursive alias."""
    try:
        loader = _LOADER(text)
    except yaml.YAMLError as error:
        raise _syntax(error, name) from error
    try:
        check_depth(text)
        node = loader.get_single_node()
        builder = _Builder(loader, name)
        value = None if node is None else builder.build(node, ())
        return value, Source(name, builder.lines)
    except yaml.YAMLError as error:
        raise _syntax(error, name) from error
    except RecursionError as error:
        raise _invalid("nested too deeply", name, 0, "Flatten the document.") from error
    finally:
        loader.dispose()


class _Builder:
    def __init__(self, loader: Any, name: str) -> None:
        self._loader = loader
        self._name = name
        self._count = 0
        self._open: set[int] = set()
        self.lines: dict[KeyPath, int] = {}

    def build(self, node: yaml.Node, path: KeyPath) -> Any:
        self._count += 1
        if self._count > _MAX_NODES or len(path) > _MAX_DEPTH:
            raise self._refuse(node, "the document grows too large when its aliases are followed", "Use fewer aliases.")
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if id(node) in self._open:
            raise self._refuse(node, "an alias refers to itself", "Remove the recursive alias.")
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                items = cast("list[yaml.Node]", node.value)
                return [self.build(item, (*path, index)) for index, item in enumerate(items)]
            return self._hash(cast(yaml.MappingNode, node), path)
        finally:
            self._open.discard(id(node))

    def _hash(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key_node, value_node in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._refuse(key_node, "a key is not a scalar", "Write the key as plain text.")
            if key_node.tag == _TAG + "merge":
                for name, value in self._merged(value_node, path).items():
                    merged.setdefault(name, value)
                continue
            key = str(key_node.value)
            if key in own:
                first = self.lines[(*path, key)]
                raise self._refuse(
                    key_node, f"key '{key}' appears twice, first on line {first}", "Keep one of the two."
                )
            self.lines[(*path, key)] = key_node.start_mark.line + 1
            own[key] = self.build(value_node, (*path, key))
        return {**merged, **own}

    def _merged(self, node: yaml.Node, path: KeyPath) -> dict[str, Any]:
        sources = cast("list[yaml.Node]", node.value) if isinstance(node, yaml.SequenceNode) else [node]
        out: dict[str, Any] = {}
        for source in sources:
            value = self.build(source, (*path, "<<"))
            if not isinstance(value, dict):
                raise self._refuse(source, "'<<' expects a hash or a list of hashes", "Point '<<' at a hash.")
            for name, item in cast("dict[str, Any]", value).items():
                out.setdefault(name, item)
                self.lines.setdefault((*path, name), source.start_mark.line + 1)
        return out

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if node.tag in (_TAG + "timestamp", _TAG + "value"):
            return str(node.value)  # dates stay the text that was typed
        try:
            built = self._loader.construct_object(node, deep=True)
        except yaml.MarkedYAMLError as error:
            raise _syntax(error, self._name) from error
        except (ValueError, OverflowError) as error:
            raise self._refuse(node, f"bad value '{node.value}': {error}", "Quote it if it is text.") from error
        if built is None or isinstance(built, bool | int | float | str):
            return built
        if isinstance(built, bytes):
            return built.decode("utf-8", "replace")
        return str(node.value)

    def _refuse(self, node: yaml.Node, problem: str, remedy: str) -> BadRequest:
        return _invalid(problem, self._name, node.start_mark.line + 1, remedy)


def _invalid(problem: str, name: str, line: int, remedy: str) -> BadRequest:
    return BadRequest(f"Invalid YAML: {problem}", code=710000, place=Place(name, line), remedy=remedy)


def _syntax(error: yaml.YAMLError, name: str) -> BadRequest:
    remedy = "Correct the YAML there (often the indentation, a missing quote or a tab)."
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        return _invalid(error.problem or error.context or "does not parse", name, mark.line + 1 if mark else 0, remedy)
    return _invalid(str(error).partition("\n")[0] or "does not parse", name, 0, remedy)
