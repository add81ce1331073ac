"""How things are shown: tables that a script can cut, JSON, sizes, and a word while something takes time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click
import msgspec

from paas.client.errors import ClientError

F = TypeVar("F", bound=Callable[..., Any])

UNITS = {"T": 2**20, "G": 2**10, "M": 1, "K": 1 / 2**10}

as_json = click.option("--json", "json", is_flag=True, help="Show it as JSON.")


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], nothing: str) -> None:
    """Columns of one width each; `nothing` is said where there is no row."""
    if not rows:
        click.echo(nothing)
        return
    texts = [[str(cell) for cell in row] for row in [headers, *rows]]
    widths = [max(len(row[column]) for row in texts) for column in range(len(headers))]
    for number, row in enumerate(texts):
        line = "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        click.echo(click.style(line, bold=True) if number == 0 else line)


def pairs(facts: Sequence[tuple[str, object]]) -> None:
    """A fact a line."""
    width = max(len(name) for name, _ in facts) + 1
    for name, value in facts:
        click.echo(f"{name + ':':<{width}} {value}".rstrip())


def document(value: Any) -> None:
    """As JSON."""
    click.echo(msgspec.json.format(msgspec.json.encode(value)).decode())


@contextmanager
def doing(what: str) -> Generator[None]:
    """On a terminal a sign that it goes on, and a line when it has ended; a script sees one line at the end."""
    if sys.stderr.isatty():
        from rich.console import Console  # it takes a while to load, and scripts do not need it

        with Console(stderr=True).status(what):
            yield
    else:
        yield
    click.echo(f"{what}: done")


def say(what: str) -> None:
    """A line about what goes on."""
    click.echo(what)


def megabytes(text: str) -> int:
    """``64M``, ``1G``: MB."""
    unit, number = text.upper().removesuffix("B")[-1:], text.upper().removesuffix("B")[:-1]
    try:
        amount = float(number) * UNITS[unit]
    except (KeyError, ValueError):
        raise ClientError(f"'{text}' is no size.", "Write a number with M or G, such as 256M.") from None
    if amount < 1 or amount != int(amount):
        raise ClientError(f"'{text}' is not a whole number of megabytes.", "Write a number with M or G, such as 256M.")
    return int(amount)


def size(mb: float) -> str:
    """MB, for people."""
    if mb >= 1024:
        return f"{mb / 1024:g}G" if mb % 1024 == 0 else f"{mb / 1024:.1f}G"
    return f"{mb:g}M" if mb == int(mb) else f"{mb:.1f}M"


def sure(question: str, force: bool) -> None:
    """Ask on a terminal; elsewhere ``-f`` is wanted."""
    if force:
        return
    if not sys.stdin.isatty():
        raise ClientError(f"{question} Nobody is here to answer.", "Add -f.")
    if not click.confirm(question):
        raise click.Abort


forced = click.option("-f", "--force", is_flag=True, help="Do not ask.")
