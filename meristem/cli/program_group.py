"""Groups such as `stemcell build`: each verb hands its words on to another package's program."""

from __future__ import annotations

from typing import Any

import click

from meristem.cli import entry_point

_RAW: dict[str, Any] = {"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []}


def group(name: str, help_text: str, programs: dict[str, tuple[str, str]]) -> click.Group:
    """`programs`: verb -> (module and first words, one-line help)."""
    made = click.Group(name, help=help_text)
    for verb, (target, text) in programs.items():
        made.add_command(_program(verb, target, text))
    return made


def _program(verb: str, target: str, text: str) -> click.Command:
    def run(words: tuple[str, ...]) -> None:
        module, *first = target.split()
        entry_point.run(module, [*first, *words])

    return click.Command(
        verb,
        params=[click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)],
        callback=run,
        help=text,
        short_help=text,
        context_settings=dict(_RAW),
        add_help_option=False,
    )
