"""docs/reference/cli.md, from the command line's own table of verbs and options: `python -m lab.pages.commands`."""

from __future__ import annotations

from pathlib import Path

import click

from meristem.cli import settings
from meristem.cli.verb import VerbGroup
from meristem.cli.verbs import ALIASES, VERBS

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/cli.md"
BEGIN = """\
# Commands

Written by `python -m lab.pages.commands` from the command line itself. `meristem` (short: `mst`) takes the public CLI's names, short names, variables
(`BOSH_ENVIRONMENT`, `BOSH_CA_CERT`, `BOSH_CLIENT`, `BOSH_CLIENT_SECRET`, `BOSH_DEPLOYMENT`, `BOSH_NON_INTERACTIVE`) and output forms.
"""


def page() -> str:
    """The whole page."""
    group = VerbGroup(VERBS, ALIASES, name="meristem")
    context = click.Context(group, info_name="meristem")
    parts = [BEGIN, "## Global options\n\nBefore or after the command.\n", _options(settings.options(), context)]
    parts.append("## All commands\n")
    for name, (_, text) in VERBS.items():
        command = group.get_command(context, name)
        if command is None:
            raise RuntimeError(f"{name}: its module has no COMMAND")
        parts.append(_section(name, text, command, click.Context(command, info_name=name, parent=context)))
    return "\n".join(parts)


def _section(name: str, text: str, command: click.Command, context: click.Context) -> str:
    words = [str(one.make_metavar(context)) for one in command.params if isinstance(one, click.Argument)]
    if isinstance(command, click.Group):
        words.append("|".join(command.list_commands(context)))
    short = ", ".join(f"`{alias}`" for alias, verb in ALIASES.items() if verb == name)
    lines = [f"### {name}\n", f"`{' '.join(['meristem', name, *words])}`" + (f" (short: {short})" if short else "")]
    lines.append(f"\n{text}.\n")
    own = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    return "\n".join(lines) + (f"\n{_options(own, context)}" if own else "")


def _options(options: list[click.Option], context: click.Context) -> str:
    rows: list[str] = []
    for option in options:
        record = option.get_help_record(context)
        if record is not None:
            rows.append(f"- `{record[0]}`: {record[1]}")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
