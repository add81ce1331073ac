"""docs/reference/paas-cli.md, from the client's own table of commands: `python -m lab.pages.paas_commands`."""

from __future__ import annotations

from pathlib import Path

import click
from paas.client.main import ALIASES, COMMANDS, paas

from lab.pages.click_command import options, section

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/paas-cli.md"
BEGIN = """\
# Commands of the PaaS

Written by `python -m lab.pages.paas_commands` from the client itself. `paas` speaks to the platform's API as any client of its v3 API does. A command ends with status 0, or with 1 and a
sentence that says what to do, or with 2 where the command line is wrong. What it remembers between calls is in a folder that only its owner can read.

| Variable | Meaning |
| --- | --- |
| `PAAS_HOME` | the client's folder; `~/.paas` |
| `PAAS_CA` | a file with the certificate of the authority that signed the router's; without it, the machine's authorities |
| `PAAS_CONNECT` | HOST or HOST:PORT at which all host names of the platform are reached, where there is no DNS for them |
| `PAAS_USERNAME`, `PAAS_PASSWORD` | for `login` and `auth`, so that no password stands in a list of processes |
"""


def page() -> str:
    """The whole page."""
    context = click.Context(paas, info_name="paas")
    held = [one for one in paas.params if isinstance(one, click.Option)]
    parts = [BEGIN, "## Global options\n\nBefore the command.\n", options(held, context)]
    for heading, modules in COMMANDS.items():
        parts.append(f"## {heading}\n")
        for name in (name for names in modules.values() for name in names):
            command = paas.get_command(context, name)
            if command is None:
                raise RuntimeError(f"{name}: its module has no such command")
            short = [alias for alias, verb in ALIASES.items() if verb == name]
            text = (command.help or "").strip().removesuffix(".")
            parts.append(section("paas", name, text, click.Context(command, info_name=name, parent=context), short))
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
