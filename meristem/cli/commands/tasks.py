"""`tasks`: those that run, or the recent ones."""

from __future__ import annotations

from meristem.cli import task_table
from meristem.cli.session import Session
from meristem.cli.verb import command, flag, option


@command(
    "tasks",
    option("-r", "--recent", is_flag=False, flag_value="30", metavar="[N]", help="Finished ones too, the last N (30)."),
    flag("-a", "--all", help="Small tasks too, such as ssh and logs."),
)
def COMMAND(session: Session, recent: str | None, **flags: bool) -> None:
    """List running or recent tasks."""
    query = {
        # All running tasks are of interest; among finished ones the small ones would hide the others.
        "verbose": "2" if flags["all"] or not recent else "1",
        "deployment": session.settings.deployment or None,
        "state": None if recent else "processing,cancelling,queued",
        "limit": recent.lstrip("=") if recent else None,
    }
    session.screen.table(task_table.build(session.director().rows("/tasks", query)))
