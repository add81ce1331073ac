"""Typed access to the fields of a parsed document; errors name the key and its line."""

from __future__ import annotations

from meristem.formats.errors import FormatError
from meristem.formats.values import Hash, KeyPath, Value, is_hash, is_list, kind_of
from meristem.formats.yaml_marks import Marks, dotted, load_with_marks


class Document:
    """A hash inside a parsed file, with the marks of that file. Missing required fields are 40001, wrong types 40000."""

    def __init__(self, data: Hash, marks: Marks, path: KeyPath = ()) -> None:
        self.data = data
        self.marks = marks
        self.path = path

    @classmethod
    def parse(cls, text: str | bytes, name: str, *, code: int = 40000) -> Document:
        """Parses a file whose top level must be a hash (else FormatError `code`)."""
        data, marks = load_with_marks(text, name)
        if not is_hash(data):
            raise FormatError(
                code, f"Expected a hash, found {kind_of(data)}", place=f"{name}:1", remedy="Write `key: value` lines."
            )
        return cls(data, marks)

    def place(self, key: str | int | None = None) -> str:
        """`file:line (key.path)` of a field."""
        return self.marks.place(self.path if key is None else (*self.path, key))

    def required(self, key: str) -> str:
        """A scalar field as text."""
        value = self.optional(key)
        if value is None or value == "":
            raise FormatError(
                40001,
                f"Required property '{self._name(key)}' was not specified in object",
                place=self.place(),
                remedy=f"Add '{key}: ...'.",
            )
        return value

    def optional(self, key: str) -> str | None:
        """A scalar field as text (numbers and booleans in YAML's spelling), None if absent or null."""
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, (dict, list)):
            raise self.wrong(key, "a string", value)
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """A boolean field."""
        value = self.data.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false", value)
        return value

    def hash(self, key: str) -> Hash:
        """A hash field, empty if absent."""
        value = self.data.get(key)
        if value is None:
            return {}
        if not is_hash(value):
            raise self.wrong(key, "a hash", value)
        return value

    def items(self, key: str) -> list[Value]:
        """An array field, empty if absent."""
        value = self.data.get(key)
        if value is None:
            return []
        if not is_list(value):
            raise self.wrong(key, "an array", value)
        return value

    def names(self, key: str) -> tuple[str, ...]:
        """An array of scalars as text."""
        out: list[str] = []
        for index, item in enumerate(self.items(key)):
            if item is None or isinstance(item, (dict, list)):
                raise FormatError(
                    40000,
                    f"'{self._name(key)}' holds {kind_of(item)} where a name belongs",
                    place=self.marks.place((*self.path, key, index)),
                    remedy="Write one name per line.",
                )
            out.append(str(item))
        return tuple(out)

    def children(self, key: str) -> list[Document]:
        """The hashes of an array field as documents."""
        out: list[Document] = []
        for index, item in enumerate(self.items(key)):
            path = (*self.path, key, index)
            if not is_hash(item):
                raise FormatError(
                    40000,
                    f"'{dotted(path)}' must be a hash, not {kind_of(item)}",
                    place=self.marks.place(path),
                    remedy="Write `- name: ...` with its keys below.",
                )
            out.append(Document(item, self.marks, path))
        return out

    def wrong(self, key: str, expected: str, value: Value) -> FormatError:
        """The error for a field of the wrong type."""
        return FormatError(
            40000,
            f"Property '{self._name(key)}' value did not match the required type: expected {expected}",
            place=self.place(key),
            remedy=f"Found {kind_of(value)}; write {expected}.",
        )

    def _name(self, key: str) -> str:
        return dotted((*self.path, key))
