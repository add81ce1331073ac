"""`update-cpi-config`."""

from __future__ import annotations

from typing import Any

from meristem.cli import config_update, template
from meristem.cli.session import Session
from meristem.cli.verb import argument, command, flag


@command("update-cpi-config", argument("path"), *template.options(), flag("--no-redact", help="Accepted, no effect."))
def COMMAND(session: Session, path: str, no_redact: bool, **flags: Any) -> None:
    """Update the CPI config from the file at PATH."""
    session.director()
    text, _ = template.evaluate_text(path, flags)
    config_update.update(session, "cpi", "default", text)
