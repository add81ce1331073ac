"""`delete-snapshots`."""

from __future__ import annotations

from meristem.cli.director import escaped
from meristem.cli.session import Session
from meristem.cli.task_follow import follow
from meristem.cli.verb import command


@command("delete-snapshots")
def COMMAND(session: Session) -> None:
    """Delete all snapshots of the deployment given by -d."""
    path = f"/deployments/{escaped(session.deployment())}/snapshots"
    session.screen.confirm()
    follow(session, session.director().start("DELETE", path))
