"""docs/reference/cli.md, from the command line's own table of verbs and options: `python -m lab.pages.commands`."""

from __future__ import annotations

from pathlib import Path

import click

from lab.pages.click_command import options, section
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
    parts = [BEGIN, "## Global options\n\nBefore or after the command.\n", options(settings.options(), context)]
    parts.append("## All commands\n")
    for name, (_, text) in VERBS.items():
        command = group.get_command(context, name)
        if command is None:
            raise RuntimeError(f"{name}: its module has no COMMAND")
        short = [alias for alias, verb in ALIASES.items() if verb == name]
        parts.append(section("meristem", name, text, click.Context(command, info_name=name, parent=context), short))
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
