"""`runtime-config`: show it."""

from __future__ import annotations

from meristem.cli.config_update import show_latest
from meristem.cli.session import Session
from meristem.cli.verb import command, option


@command("runtime-config", option("--name", default="default", help="Config name."))
def COMMAND(session: Session, name: str) -> None:
    """Show the runtime config."""
    show_latest(session, "runtime", name or "default")
