"""`event`: one event."""

from __future__ import annotations

from meristem.cli.commands.events import HEADER, row
from meristem.cli.director import escaped
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.verb import argument, command
from meristem.formats.values import is_hash


@command("event", argument("event_id", metavar="ID"))
def COMMAND(session: Session, event_id: str) -> None:
    """Show one event."""
    found = session.director().get(f"/events/{escaped(event_id)}")
    if not is_hash(found):
        raise CliError(f"No event '{event_id}'.", "See `events`.")
    session.screen.table(Table("", HEADER, [row(found)], transpose=True))
