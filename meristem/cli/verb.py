"""How verbs are declared and loaded: the group knows their names and one-line helps, the modules load on use."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import click

from meristem.cli import settings
from meristem.cli.session import Session


class Verb(click.Command):
    """A click command that also takes the global options, so that they may stand after the verb."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        taken = {name for parameter in self.params for name in parameter.opts}
        for option in settings.options():
            if not taken.intersection(option.opts):
                option.hidden = True
                self.params.append(option)


class VerbGroup(click.Group):
    """A group whose verbs are given as name -> (module, one-line help); aliases map short names to verbs."""

    def __init__(self, table: dict[str, tuple[str, str]], aliases: dict[str, str], **attributes: Any) -> None:
        super().__init__(**attributes)
        self.table = table
        self.aliases = aliases
        self.params.extend(settings.options())

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = self.aliases.get(cmd_name, cmd_name)
        if name not in self.table:
            return None
        module = importlib.import_module(f"meristem.cli.commands.{self.table[name][0]}")
        found = getattr(module, "COMMAND", None)
        return found if isinstance(found, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.table.items()])


def command(name: str, *parameters: click.Parameter) -> Callable[[Callable[..., None]], Verb]:
    """Declares a verb: the function gets the Session first, then the parameters by name."""

    def wrap(function: Callable[..., None]) -> Verb:
        def run(**values: Any) -> None:
            function(Session.current(), **values)

        return Verb(name, params=list(parameters), callback=run, help=function.__doc__)

    return wrap


def argument(name: str, **attributes: Any) -> click.Argument:
    """A positional argument."""
    return click.Argument([name], **attributes)


def option(*names: str, **attributes: Any) -> click.Option:
    """An option of one verb."""
    return click.Option(names, **attributes)


def flag(*names: str, help: str = "") -> click.Option:
    """A yes/no option of one verb."""
    return click.Option(names, is_flag=True, help=help)
