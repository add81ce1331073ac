"""What a command shows: lines, blocks and tables for people, rows for pipes, one JSON document for programs."""

from __future__ import annotations

import json
import sys

import click

from meristem.cli.failure import CliError
from meristem.cli.settings import Settings
from meristem.cli.table import Table


class Screen:
    """Output of one run.

    On a terminal (or with --tty) all is shown; in a pipe lines are left out and tables are tab-separated rows; with
    --json everything is gathered as {"Tables","Blocks","Lines"} and printed by `flush`.
    """

    def __init__(self, settings: Settings) -> None:
        self._json = settings.json
        self._columns = settings.columns
        self._non_interactive = settings.non_interactive
        self.on_terminal = not settings.json and (settings.tty or sys.stdout.isatty())
        self.in_color = self.on_terminal and not settings.no_color
        self._tables: list[dict[str, object]] = []
        self._blocks: list[str] = []
        self._lines: list[str] = []

    def line(self, text: str = "") -> None:
        """A remark for people."""
        if self._json:
            if text:
                self._lines.append(text)
        elif self.on_terminal:
            click.echo(text)

    def error_line(self, text: str) -> None:
        """A remark that must be seen: stderr."""
        if self._json:
            self._lines.append(text)
        else:
            click.echo(click.style(text, fg="red") if self.in_color else text, err=True)

    def block(self, text: str) -> None:
        """Content as it is; shown in pipes too."""
        if self._json:
            self._blocks.append(text)
        else:
            sys.stdout.write(text)
            sys.stdout.flush()

    def table(self, table: Table) -> None:
        """A table, cut to the chosen columns."""
        chosen = table.only(self._columns)
        if self._json:
            self._tables.append(chosen.as_json())
        elif self.on_terminal:
            click.echo(chosen.as_text(color=self.in_color))
        else:
            for row in chosen.as_rows():
                click.echo(row)

    def confirm(self) -> None:
        """Asks `Continue?`; anything but yes stops the command."""
        if self._non_interactive:
            return
        if self._json:
            raise CliError("Cannot ask for confirmation in JSON output.", "Add -n.")
        try:
            answer = click.prompt("\nContinue? [yN]", default="", show_default=False, prompt_suffix=": ", err=False)
        except click.Abort:
            answer = ""
        if str(answer).strip().lower() not in ("y", "yes"):
            raise CliError("Stopped")

    def ask(self, label: str, *, secret: bool = False) -> str:
        """Asks for a text."""
        if self._non_interactive or self._json:
            raise CliError(f"Cannot ask for '{label}' non-interactively.", "Give it by flag or environment variable.")
        return str(click.prompt(label, hide_input=secret, default="", show_default=False))

    def paint(self, text: str, color: str) -> str:
        """The text in a colour, where colours are shown."""
        return click.style(text, fg=color) if self.in_color else text

    def flush(self) -> None:
        """Prints the JSON document; nothing otherwise."""
        if self._json:
            document = {"Tables": self._tables or None, "Blocks": self._blocks or None, "Lines": self._lines or None}
            click.echo(json.dumps(document, indent=4, ensure_ascii=False))
