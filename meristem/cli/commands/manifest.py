"""`manifest`: the text as it was deployed."""

from __future__ import annotations

from meristem.cli.director import escaped
from meristem.cli.session import Session
from meristem.cli.verb import command
from meristem.formats.values import is_hash, text_or_none


@command("manifest")
def COMMAND(session: Session) -> None:
    """Show the manifest of the deployment given by -d."""
    name = session.deployment()
    answer = session.director().get(f"/deployments/{escaped(name)}")
    manifest = text_or_none(answer.get("manifest")) if is_hash(answer) else None
    session.screen.block((manifest or "").rstrip("\n") + "\n" if manifest else "")
