"""`cancel-task`."""

from __future__ import annotations

from meristem.cli.session import Session
from meristem.cli.verb import argument, command


@command("cancel-task", argument("task_id", type=int, metavar="ID"))
def COMMAND(session: Session, task_id: int) -> None:
    """Ask the director to stop a task at its next safe point."""
    session.director().send("DELETE", f"/task/{task_id}")
