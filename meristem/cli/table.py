"""Tables in the shapes of the public CLI: text, tab-separated rows, JSON."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import click

from meristem.cli.failure import CliError

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Bad:
    """A cell value to be shown as wrong."""

    text: str


Cell = str | Bad


@dataclass(frozen=True)
class Table:
    """Rows under a header; `content` names what is counted; `transpose` shows one row as key: value lines."""

    content: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = field(default_factory=tuple[str, ...])
    transpose: bool = False

    def only(self, columns: Sequence[str]) -> Table:
        """The table with these columns, by title or key."""
        if not columns:
            return self
        keys = [key_of(title, index) for index, title in enumerate(self.header)]
        indexes: list[int] = []
        for column in columns:
            found = [
                i for i, title in enumerate(self.header) if column in (title, keys[i]) or key_of(column) == keys[i]
            ]
            if not found and self.transpose:
                return self
            if not found:
                raise CliError(f"Failed to find header: {column}", f"Columns here: {', '.join(keys)}.")
            indexes += found
        return replace(
            self,
            header=[self.header[i] for i in indexes],
            rows=[[row[i] for i in indexes] for row in self.rows],
        )

    def as_json(self) -> dict[str, object]:
        """{"Content","Header","Rows","Notes"} with keys made from the titles."""
        keys = [key_of(title, index) for index, title in enumerate(self.header)]
        return {
            "Content": self.content,
            "Header": dict(zip(keys, self.header, strict=True)),
            "Rows": [{key: plain(cell) for key, cell in zip(keys, row, strict=True)} for row in self.rows],
            "Notes": list(self.notes) or None,
        }

    def as_rows(self) -> list[str]:
        """Rows alone, tab-separated; several lines in a cell are joined by commas."""
        return ["\t".join(plain(cell).strip().replace("\n", ",") or "-" for cell in row) for row in self.rows]

    def as_text(self, *, color: bool) -> str:
        """Aligned columns for a terminal, with notes and a count."""
        if self.transpose:
            return self._transposed()
        cells = [
            [_lines(title) for title in self.header],
            *([_lines(plain(cell)) for cell in row] for row in self.rows),
        ]
        widths = [max((_width(line) for row in cells for line in row[i]), default=0) for i in range(len(self.header))]
        out: list[str] = []
        for number, row in enumerate(cells):
            for height in range(max((len(lines) for lines in row), default=1)):
                parts: list[str] = []
                for index, lines in enumerate(row):
                    text = lines[height] if height < len(lines) else ""
                    padded = text + " " * (widths[index] - _width(text))
                    bad = number > 0 and isinstance(self.rows[number - 1][index], Bad)
                    if color and (bad or number == 0):
                        padded = click.style(padded, fg="red" if bad else None, bold=True if number == 0 else None)
                    parts.append(padded)
                out.append("  ".join(parts).rstrip() if not color else "  ".join(parts))
        out += ["", *self.notes] if self.notes else []
        if self.content:
            out += ["", f"{len(self.rows)} {self.content}"]
        return "\n".join(out) + "\n"

    def _transposed(self) -> str:
        width = max((_width(title) for title in self.header), default=0)
        out: list[str] = []
        for row in self.rows:
            for title, cell in zip(self.header, row, strict=True):
                first, *more = _lines(plain(cell))
                out.append(f"{title.ljust(width)}  {first}".rstrip())
                out += [" " * (width + 2) + line for line in more]
        return "\n".join(out) + "\n"


def plain(cell: Cell) -> str:
    """A cell's text."""
    return cell.text if isinstance(cell, Bad) else cell


def key_of(title: str, index: int = 0) -> str:
    """`VM CID` -> `vm_cid`, `Load (1m, 5m)` -> `load_1m_5m`; a title without letters becomes its position."""
    words = re.findall(r"[^\W_]+", title.lower())
    return "_".join(words) or str(index)


def _lines(text: str) -> list[str]:
    # Cells hold what instances say; it must not steer the terminal.
    return _CONTROL.sub("?", text).split("\n") if text.strip() else ["-"]


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
