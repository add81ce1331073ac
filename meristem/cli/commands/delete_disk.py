"""`delete-disk`."""

from __future__ import annotations

from meristem.cli.director import escaped
from meristem.cli.session import Session
from meristem.cli.task_follow import follow
from meristem.cli.verb import argument, command


@command("delete-disk", argument("cid"))
def COMMAND(session: Session, cid: str) -> None:
    """Delete an orphaned disk."""
    director = session.director()
    session.screen.confirm()
    follow(session, director.start("DELETE", f"/disks/{escaped(cid)}", {}))
