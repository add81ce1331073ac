"""`update-runtime-config`."""

from __future__ import annotations

from typing import Any

from meristem.cli import config_update, manifest_releases, template
from meristem.cli.session import Session
from meristem.cli.verb import argument, command, flag, option
from meristem.formats import yaml_dump


@command(
    "update-runtime-config",
    argument("path"),
    *template.options(),
    option("--name", default="default"),
    flag("--no-redact", help="Accepted for compatibility; config diffs are not redacted."),
    flag("--fix-releases", help="Re-upload releases, replacing corrupt parts."),
)
def COMMAND(session: Session, path: str, name: str, no_redact: bool, fix_releases: bool, **flags: Any) -> None:
    """Update the runtime config from the file at PATH; its releases with url are uploaded first."""
    session.director()
    text, document = template.evaluate_text(path, flags)
    if manifest_releases.upload(session, document, fix=fix_releases):
        text = yaml_dump.dump(document)
    config_update.update(session, "runtime", name or "default", text)
