"""A command of a click program as a section of a page."""

from __future__ import annotations

import click


def section(program: str, name: str, text: str, context: click.Context, short: list[str]) -> str:
    """Heading, usage line, what it does, and its options; `context` is that of the command."""
    command = context.command
    words = [str(one.make_metavar(context)) for one in command.params if isinstance(one, click.Argument)]
    if isinstance(command, click.Group):
        words.append("|".join(command.list_commands(context)))
    aliases = ", ".join(f"`{alias}`" for alias in short)
    lines = [f"### {name}\n", f"`{' '.join([program, name, *words])}`" + (f" (short: {aliases})" if aliases else "")]
    lines.append(f"\n{text}.\n")
    own = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    return "\n".join(lines) + (f"\n{options(own, context)}" if own else "")


def options(held: list[click.Option], context: click.Context) -> str:
    """One line each."""
    rows: list[str] = []
    for option in held:
        record = option.get_help_record(context)
        if record is not None:
            rows.append(f"- `{record[0]}`: {record[1]}")
    return "\n".join(rows) + "\n"
