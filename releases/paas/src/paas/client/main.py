"""``paas``: commands are loaded when they are called."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click
import httpx2

from paas.client.errors import ClientError
from paas.client.session import Session

COMMANDS: dict[str, dict[str, list[str]]] = {
    "Session": {"login": ["target", "api", "login", "auth", "logout", "passwd", "curl"]},
    "Organizations and spaces": {
        "orgs": ["orgs", "org", "create-org", "delete-org", "rename-org"],
        "spaces": ["spaces", "space", "create-space", "delete-space", "rename-space"],
        "quotas": ["org-quotas", "create-org-quota", "update-org-quota", "set-org-quota", "delete-org-quota"],
    },
    "Users": {
        "users": ["create-user", "delete-user"],
        "roles": ["set-org-role", "unset-org-role", "set-space-role", "unset-space-role", "org-users", "space-users"],
    },
    "Apps": {
        "pushing": ["push"],
        "apps": ["apps", "app", "delete", "rename"],
        "running": ["start", "stop", "restart", "restage", "scale", "restart-app-instance", "cancel-deployment"],
        "telling": ["logs", "events"],
        "environment": ["env", "set-env", "unset-env", "create-app-manifest"],
    },
    "Routes and domains": {
        "routes": ["routes", "create-route", "map-route", "unmap-route", "delete-route", "delete-orphaned-routes"],
        "domains": ["domains", "create-domain", "delete-domain"],
    },
    "Services": {
        "marketplace": ["marketplace"],
        "services": ["services", "service", "create-service", "delete-service", "rename-service"],
        "own_services": ["create-user-provided-service", "update-user-provided-service"],
        "bindings": ["bind-service", "unbind-service"],
        "keys": ["service-keys", "service-key", "create-service-key", "delete-service-key"],
    },
    "Platform": {
        "brokers": ["service-brokers", "create-service-broker", "update-service-broker", "delete-service-broker"],
        "access": ["service-access", "enable-service-access", "disable-service-access"],
        "buildpacks": ["buildpacks", "create-buildpack", "update-buildpack", "delete-buildpack", "stacks"],
    },
}
"""Heading -> module of `paas.client.commands` -> its commands."""

ALIASES = {
    "l": "login",
    "t": "target",
    "lo": "logout",
    "o": "orgs",
    "p": "push",
    "a": "apps",
    "st": "start",
    "sp": "stop",
    "rs": "restart",
    "rg": "restage",
    "d": "delete",
    "e": "env",
    "se": "set-env",
    "ue": "unset-env",
    "r": "routes",
    "m": "marketplace",
    "s": "services",
    "cs": "create-service",
    "ds": "delete-service",
    "bs": "bind-service",
    "us": "unbind-service",
    "cups": "create-user-provided-service",
    "uups": "update-user-provided-service",
    "csk": "create-service-key",
    "sk": "service-keys",
    "dsk": "delete-service-key",
    "create-shared-domain": "create-domain",
    "create-private-domain": "create-domain",
    "create-quota": "create-org-quota",
    "quotas": "org-quotas",
    "set-quota": "set-org-quota",
    "delete-quota": "delete-org-quota",
}

PLACES = {name: module for modules in COMMANDS.values() for module, names in modules.items() for name in names}


class Commands(click.Group):
    """Knows the commands' names without their code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, without aliases."""
        return list(PLACES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, by its name or an alias."""
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in PLACES:
            return None
        module = importlib.import_module(f"paas.client.commands.{PLACES[name]}")
        return getattr(module, name.replace("-", "_"))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """By what they are about."""
        for heading, modules in COMMANDS.items():
            names = [name for held in modules.values() for name in held]
            found = [(name, self.get_command(ctx, name)) for name in names]
            with formatter.section(heading):
                formatter.write_dl([(name, one.get_short_help_str(100)) for name, one in found if one is not None])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--connect",
    metavar="HOST[:PORT]",
    help="Reach all host names at this address; remembered (or PAAS_CONNECT, which is not).",
)
@click.pass_context
def paas(context: click.Context, connect: str | None) -> None:
    """Runs apps and services on the platform."""
    context.obj = session = Session.load()
    context.call_on_close(session.close)
    if connect:
        session.settings.connect = connect


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0, or 1 with a sentence about what went wrong, or 2 for a wrong command line."""
    try:
        return _status(paas.main(arguments, prog_name="paas", standalone_mode=False))
    except ClientError as error:
        click.echo(f"{click.style('FAILED', fg='red', bold=True)}\n{error}", err=True)
        if error.remedy:
            click.echo(error.remedy, err=True)
    except click.Abort:
        click.echo("Stopped.", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except httpx2.HTTPError as error:
        click.echo(f"FAILED\nThe connection broke off: {error or type(error).__name__}", err=True)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read has gone; nothing more is to be said
    return 1


def _status(result: Any) -> int:
    return result if isinstance(result, int) else 0
