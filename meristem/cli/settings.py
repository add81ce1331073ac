"""The global options of every verb and the environment variables behind them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import click

_ENVIRONMENT = {
    "environment": "BOSH_ENVIRONMENT",
    "ca_cert": "BOSH_CA_CERT",
    "client": "BOSH_CLIENT",
    "client_secret": "BOSH_CLIENT_SECRET",
    "deployment": "BOSH_DEPLOYMENT",
    "config": "MERISTEM_CONFIG",
}


@dataclass
class Settings:
    """Global options as given, before or after the verb."""

    environment: str = ""
    ca_cert: str = ""
    client: str = ""
    client_secret: str = ""
    deployment: str = ""
    config: str = "~/.meristem/config"
    columns: list[str] = field(default_factory=list[str])
    parallel: int = 5
    json: bool = False
    tty: bool = False
    no_color: bool = False
    non_interactive: bool = False
    sha2: bool = False

    def read_environment(self, variables: dict[str, str]) -> None:
        """Takes the BOSH_* variables as defaults."""
        for name, variable in _ENVIRONMENT.items():
            if variables.get(variable):
                setattr(self, name, variables[variable])
        for name, variable in (("non_interactive", "BOSH_NON_INTERACTIVE"), ("sha2", "BOSH_SHA2"), ("tty", "BOSH_TTY")):
            if variables.get(variable, "").lower() in ("1", "true", "yes", "t"):
                setattr(self, name, True)


def options() -> list[click.Option]:
    """The global options, for the root group and every verb; each stores into the Settings of the run."""
    return [
        _option("-e", "--environment", metavar="URL|ALIAS", help="Director environment."),
        _option("--ca-cert", metavar="PATH|PEM", help="Director CA certificate."),
        _option("--client", metavar="NAME", help="User or UAA client."),
        _option("--client-secret", metavar="SECRET", help="Password or UAA client secret."),
        _option("-d", "--deployment", metavar="NAME", help="Deployment name."),
        _option("--config", metavar="PATH", help="Configuration file (~/.meristem/config)."),
        _option("--column", "columns", multiple=True, metavar="NAME", help="Show only these columns."),
        _option("--parallel", type=int, metavar="N", help="Operations at once."),
        _option("--json", is_flag=True, default=None, help="Output as JSON."),
        _option("--tty", is_flag=True, default=None, help="Force terminal-like output."),
        _option("--no-color", is_flag=True, default=None, help="No colours."),
        _option("-n", "--non-interactive", is_flag=True, default=None, help="Do not ask for confirmation."),
        _option("--sha2", is_flag=True, default=None, help="Ask the director for SHA-256 digests."),
    ]


def _store(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    settings = context.find_root().obj
    if value is None or value == () or not isinstance(settings, Settings) or parameter.name is None:
        return
    if parameter.name == "columns":
        settings.columns.extend(value)
    else:
        setattr(settings, parameter.name, value)


def _option(*names: str, **attributes: Any) -> click.Option:
    return click.Option(names, expose_value=False, callback=_store, hidden=False, **attributes)
