"""The one error type of the format readers: code, message, place, remedy."""

from __future__ import annotations


class FormatError(Exception):
    """A document or an archive that breaks its contract.

    `code` is the director's public error code, `message` the text clients match on, `place` names file, line or
    member, `remedy` says what to do. `str()` gives message, place and remedy in one line.
    """

    def __init__(self, code: int, message: str, *, place: str, remedy: str) -> None:
        self.code = code
        self.message = message
        self.place = place
        self.remedy = remedy
        super().__init__(f"{message} [{place}] {remedy}")


class YamlError(FormatError):
    """YAML that does not parse, or repeats a key. `line` and `column` are 1-based, 0 when unknown."""

    def __init__(self, message: str, *, name: str, line: int, column: int, remedy: str) -> None:
        self.name = name
        self.line = line
        self.column = column
        place = f"{name}:{line}:{column}" if line else name
        super().__init__(710000, message, place=place, remedy=remedy)
