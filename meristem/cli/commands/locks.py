"""`locks`."""

from __future__ import annotations

from meristem.cli.cells import text
from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.task_events import full_time
from meristem.cli.verb import command
from meristem.formats.values import strings


@command("locks")
def COMMAND(session: Session) -> None:
    """List the locks that running tasks hold."""
    found = sorted(session.director().rows("/locks"), key=lambda row: text(row.get("task_id")))
    rows = [
        [
            text(row.get("type")),
            ":".join(strings(row.get("resource"))),
            text(row.get("task_id")),
            full_time(float(text(row.get("timeout")) or 0)),
        ]
        for row in found
    ]
    session.screen.table(Table("locks", ["Type", "Resource", "Task ID", "Expires at"], rows))
