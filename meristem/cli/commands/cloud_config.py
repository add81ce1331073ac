"""`cloud-config`: show it."""

from __future__ import annotations

from meristem.cli.config_update import show_latest
from meristem.cli.session import Session
from meristem.cli.verb import command, option


@command("cloud-config", option("--name", default="default", help="Config name."))
def COMMAND(session: Session, name: str) -> None:
    """Show the cloud config."""
    show_latest(session, "cloud", name or "default")
