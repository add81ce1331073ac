"""`delete-network`."""

from __future__ import annotations

from meristem.cli.director import escaped
from meristem.cli.session import Session
from meristem.cli.task_follow import follow
from meristem.cli.verb import argument, command


@command("delete-network", argument("name"))
def COMMAND(session: Session, name: str) -> None:
    """Delete an orphaned network."""
    director = session.director()
    session.screen.confirm()
    follow(session, director.start("DELETE", f"/networks/{escaped(name)}"))
