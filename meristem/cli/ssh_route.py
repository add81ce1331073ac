"""The gateway and port flags of ssh, scp."""

from __future__ import annotations

import shlex

import click

from meristem.cli.failure import CliError
from meristem.cli.ssh_session import Route
from meristem.cli.verb import flag, option


def parameters() -> list[click.Parameter]:
    """Flags that say how instances are reached."""
    return [
        flag("--gw-disable", help="No gateway."),
        option("--gw-host", envvar="BOSH_GW_HOST", default="", help="Gateway host."),
        option("--gw-user", envvar="BOSH_GW_USER", default="", help="Gateway user."),
        option("--gw-private-key", envvar="BOSH_GW_PRIVATE_KEY", default="", help="Gateway private key file."),
        option("--opts", "raw_options", multiple=True, help="SSH options; '-p PORT' is understood."),
    ]


def chosen(gw_disable: bool, gw_host: str, gw_user: str, gw_private_key: str, raw_options: tuple[str, ...]) -> Route:
    """The Route of these flags."""
    port = 22
    words = [word for text in raw_options for word in shlex.split(text)]
    while words:
        word = words.pop(0)
        value = word.removeprefix("-p") or (words.pop(0) if words else "")
        if not word.startswith("-p") or not value.isdigit():
            raise CliError(f"SSH option '{word}' is not understood.", "Only '-p PORT' is.")
        port = int(value)
    return Route(port) if gw_disable or not gw_host else Route(port, gw_host, gw_user, gw_private_key)
