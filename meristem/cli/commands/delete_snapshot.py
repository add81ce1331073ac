"""`delete-snapshot`."""

from __future__ import annotations

from meristem.cli.director import escaped
from meristem.cli.session import Session
from meristem.cli.task_follow import follow
from meristem.cli.verb import argument, command


@command("delete-snapshot", argument("cid"))
def COMMAND(session: Session, cid: str) -> None:
    """Delete one snapshot of the deployment given by -d."""
    path = f"/deployments/{escaped(session.deployment())}/snapshots/{escaped(cid)}"
    session.screen.confirm()
    follow(session, session.director().start("DELETE", path))
