"""`update-config`: any type."""

from __future__ import annotations

from typing import Any

from meristem.cli import config_update, template
from meristem.cli.session import Session
from meristem.cli.verb import argument, command, option


@command(
    "update-config",
    argument("path"),
    *template.options(),
    option("--type", "kind", required=True, help="Config type: cloud, runtime, cpi, deploy, resurrection, ..."),
    option("--name", required=True, help="Config name."),
    option("--expected-latest-id", help="Refuse unless this is the latest id."),
)
def COMMAND(session: Session, path: str, kind: str, name: str, expected_latest_id: str | None, **flags: Any) -> None:
    """Update a config of any type from the file at PATH."""
    session.director()
    text, _ = template.evaluate_text(path, flags)
    config_update.update(session, kind, name, text, expected=expected_latest_id)
