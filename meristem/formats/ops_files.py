"""Ops files: ordered `replace`, `remove` and `test` operations on a document, each by a path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from meristem.formats.document import Document
from meristem.formats.errors import FormatError
from meristem.formats.ops_path import AfterLast, Index, Key, Matching, Token, parse, render
from meristem.formats.values import Hash, Value, copy_of, is_hash, is_list, kind_of
from meristem.formats.yaml_marks import load_with_marks

Kind = Literal["replace", "remove", "test"]


@dataclass(frozen=True)
class Operation:
    """One operation; `place` is its file and line, `failure` the text that replaces a failure's message."""

    kind: Kind
    path: tuple[Token, ...]
    value: Value
    absent: bool
    failure: str | None
    place: str


def read(text: str | bytes, name: str) -> list[Operation]:
    """The operations of an ops file; an empty file has none."""
    data, marks = load_with_marks(text, name)
    if data is None:
        return []
    if not is_list(data):
        message = f"Expected an array of operations, found {kind_of(data)}"
        remedy = "Write a list of '- type: replace' items with path and value."
        raise FormatError(440001, message, place=f"{name}:1", remedy=remedy)
    out: list[Operation] = []
    for index, item in enumerate(data):
        place = marks.place((index,))
        if not is_hash(item):
            remedy = "Write a hash with type, path and value."
            raise FormatError(440001, f"Operation is {kind_of(item)}", place=place, remedy=remedy)
        out.append(_operation(Document(item, marks, (index,))))
    return out


def apply(document: Value, operations: list[Operation]) -> Value:
    """A new document with the operations applied in order; the given one is left as it was."""
    current = copy_of(document)
    for operation in operations:
        try:
            current = _apply_one(current, operation)
        except FormatError as error:
            if operation.failure is not None:
                raise FormatError(error.code, operation.failure, place=error.place, remedy=error.remedy) from error
            raise
    return current


def find(document: Value, path: str, *, place: str = "--path") -> Value:
    """The value at a path; optional keys that are missing give null."""
    return _find(document, parse(path, place=place), place)


def _operation(item: Document) -> Operation:
    kind = item.optional("type")
    if kind not in ("replace", "remove", "test"):
        raise FormatError(
            440001,
            f"Unknown operation type '{kind or ''}'",
            place=item.place("type"),
            remedy="Use replace, remove or test.",
        )
    unknown = sorted(set(item.data) - {"type", "path", "value", "error", "absent"})
    if unknown:
        raise FormatError(
            440001,
            f"Unknown key '{unknown[0]}' in operation",
            place=item.place(unknown[0]),
            remedy="An operation has type, path, value and error.",
        )
    path = item.optional("path")
    if path is None:
        raise FormatError(440001, "Missing path", place=item.place(), remedy="Add 'path: /...'.")
    has_value = "value" in item.data
    absent = item.flag("absent")
    if kind == "replace" and not has_value:
        raise FormatError(440001, "Missing value", place=item.place(), remedy="Add 'value: ...' (null is a value).")
    if kind == "remove" and has_value:
        raise FormatError(
            440001, "Cannot specify value", place=item.place("value"), remedy="A remove operation takes only a path."
        )
    if kind == "test" and not has_value and not absent:
        raise FormatError(
            440001, "Missing value or absent", place=item.place(), remedy="Add 'value: ...' or 'absent: true'."
        )
    tokens = parse(path, place=item.place("path"))
    return Operation(kind, tokens, item.data.get("value"), absent, item.optional("error"), item.place())


def _apply_one(document: Value, operation: Operation) -> Value:
    if operation.kind == "replace":
        return _replace(document, operation, 0)
    if operation.kind == "remove":
        if not operation.path:
            raise _failed("Cannot remove entire document", operation.place, "Name a key or an item.")
        _remove(document, operation, 0)
        return document
    _test(document, operation)
    return document


def _test(document: Value, operation: Operation) -> None:
    try:
        found = _find(document, operation.path, operation.place)
    except FormatError:
        if operation.absent:
            return
        raise
    if operation.absent:
        message = f"Expected to not find '{render(operation.path)}'"
        raise _failed(message, operation.place, "The document already holds it.")
    if found != operation.value:
        message = f"Found value does not match expected value at '{render(operation.path)}'"
        raise _failed(message, operation.place, f"Found {kind_of(found)} {found!r:.80}.")


def _replace(node: Value, operation: Operation, depth: int) -> Value:
    if depth == len(operation.path):
        return copy_of(operation.value)
    token = operation.path[depth]
    if isinstance(token, Key):
        hash_node = _hash(node, operation, depth)
        if token.name not in hash_node and not token.optional:
            raise _missing_key(hash_node, operation, depth)
        child = hash_node[token.name] if token.name in hash_node else _fresh(operation, depth)
        hash_node[token.name] = _replace(child, operation, depth + 1)
        return node
    items = _list(node, operation, depth)
    if isinstance(token, AfterLast):
        items.append(copy_of(operation.value))
        return node
    if isinstance(token, Matching) and token.optional and not _matches(items, token):
        created: Value = {token.key: token.value}
        items.append(_replace(created, operation, depth + 1))
        return node
    position = _position(items, token, operation, depth)
    insert = [modifier for modifier in token.modifiers if modifier in ("before", "after")]
    if insert:
        if depth != len(operation.path) - 1:
            message = f"Expected ':{insert[0]}' only on the last token of '{render(operation.path)}'"
            raise _failed(message, operation.place, "Insert whole items.")
        items.insert(position + (insert[0] == "after"), copy_of(operation.value))
        return node
    items[position] = _replace(items[position], operation, depth + 1)
    return node


def _remove(node: Value, operation: Operation, depth: int) -> None:
    token = operation.path[depth]
    last = depth == len(operation.path) - 1
    if isinstance(token, AfterLast):
        message = f"Expected to not find token '-' at path '{render(operation.path)}'"
        raise _failed(message, operation.place, "Name an index or a key=value item.")
    if isinstance(token, Key):
        hash_node = _hash(node, operation, depth)
        if token.name not in hash_node:
            if token.optional:
                return
            raise _missing_key(hash_node, operation, depth)
        if last:
            del hash_node[token.name]
        else:
            _remove(hash_node[token.name], operation, depth + 1)
        return
    items = _list(node, operation, depth)
    if isinstance(token, Matching) and token.optional and not _matches(items, token):
        return
    position = _position(items, token, operation, depth)
    if last:
        del items[position]
    else:
        _remove(items[position], operation, depth + 1)


def _find(document: Value, path: tuple[Token, ...], place: str) -> Value:
    probe = Operation("test", path, None, False, None, place)
    node = document
    for depth, token in enumerate(path):
        if isinstance(token, Key):
            hash_node = _hash(node, probe, depth)
            if token.name not in hash_node:
                if token.optional:
                    return None
                raise _missing_key(hash_node, probe, depth)
            node = hash_node[token.name]
        elif isinstance(token, AfterLast):
            message = f"Expected to not find token '-' at path '{render(path)}'"
            raise _failed(message, place, "Name an index or a key=value item.")
        else:
            items = _list(node, probe, depth)
            if isinstance(token, Matching) and token.optional and not _matches(items, token):
                return None
            node = items[_position(items, token, probe, depth)]
    return node


def _fresh(operation: Operation, depth: int) -> Value:
    if depth == len(operation.path) - 1:
        return None
    following = operation.path[depth + 1]
    if isinstance(following, Key):
        return {}
    if isinstance(following, Index):
        message = f"Expected to find key, matching index or after last index token at '{render(operation.path)}'"
        raise _failed(message, operation.place, "A new list can only be begun with '-' or key=value.")
    return []


def _hash(node: Value, operation: Operation, depth: int) -> Hash:
    if is_hash(node):
        return node
    raise _unexpected("a map", node, operation, depth)


def _list(node: Value, operation: Operation, depth: int) -> list[Value]:
    if is_list(node):
        return node
    raise _unexpected("an array", node, operation, depth)


def _matches(items: list[Value], token: Matching) -> list[int]:
    return [
        index
        for index, item in enumerate(items)
        if is_hash(item) and token.key in item and _as_text(item[token.key]) == token.value
    ]


def _as_text(value: Value) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None or isinstance(value, (dict, list)) else str(value)


def _position(items: list[Value], token: Index | Matching, operation: Operation, depth: int) -> int:
    where = render(operation.path[: depth + 1])
    if isinstance(token, Matching):
        found = _matches(items, token)
        if len(found) != 1:
            message = f"Expected to find exactly one matching array item for path '{where}' but found {len(found)}"
            names = [str(item.get(token.key)) for item in items if is_hash(item) and token.key in item]
            raise _failed(message, operation.place, f"The items' {token.key}: {', '.join(names) or 'none'}.")
        position = found[0]
    else:
        position = token.position + len(items) if token.position < 0 else token.position
    position += token.modifiers.count("next") - token.modifiers.count("prev")
    if not 0 <= position < len(items):
        shown = token.position if isinstance(token, Index) else position
        message = f"Expected to find array index '{shown}' but found array of length '{len(items)}' for path '{where}'"
        raise _failed(message, operation.place, "Use '-' to append.")
    return position


def _missing_key(node: Hash, operation: Operation, depth: int) -> FormatError:
    where = render(operation.path[: depth + 1])
    token = operation.path[depth]
    name = token.name if isinstance(token, Key) else ""
    known = "', '".join(sorted(node))
    keys = f"found map keys: '{known}'" if node else "found no other map keys"
    message = f"Expected to find a map key '{name}' for path '{where}' ({keys})"
    return _failed(message, operation.place, f"Correct the path, or write '{name}?' if it may be missing.")


def _unexpected(expected: str, node: Value, operation: Operation, depth: int) -> FormatError:
    where = render(operation.path[: depth + 1])
    message = f"Expected to find {expected} at path '{where}' but found '{kind_of(node)}'"
    return _failed(message, operation.place, "Correct the path.")


def _failed(message: str, place: str, remedy: str) -> FormatError:
    return FormatError(440001, message, place=place, remedy=remedy)
