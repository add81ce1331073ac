"""`update-resurrection on|off`."""

from __future__ import annotations

import click

from meristem.cli.session import Session
from meristem.cli.verb import argument, command


@command("update-resurrection", argument("state", type=click.Choice(["on", "off"])))
def COMMAND(session: Session, state: str) -> None:
    """Switch resurrection on or off for all deployments."""
    session.director().send("PUT", "/resurrection", {"resurrection_paused": state == "off"})
