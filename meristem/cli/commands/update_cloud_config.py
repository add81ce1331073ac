"""`update-cloud-config`."""

from __future__ import annotations

from typing import Any

from meristem.cli import config_update, template
from meristem.cli.session import Session
from meristem.cli.verb import argument, command, option


@command("update-cloud-config", argument("path"), *template.options(), option("--name", default="default"))
def COMMAND(session: Session, path: str, name: str, **flags: Any) -> None:
    """Update the cloud config from the file at PATH."""
    session.director()
    text, _ = template.evaluate_text(path, flags)
    config_update.update(session, "cloud", name or "default", text)
