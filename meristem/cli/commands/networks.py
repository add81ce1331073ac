"""`networks --orphaned`."""

from __future__ import annotations

from meristem.cli.cells import text
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.verb import command, flag


@command("networks", flag("-o", "--orphaned", help="Orphaned networks."))
def COMMAND(session: Session, orphaned: bool) -> None:
    """List orphaned networks."""
    if not orphaned:
        raise CliError("Only --orphaned is supported", "Run: meristem networks --orphaned")
    keys = ("name", "type", "created_at", "orphaned_at")
    found = session.director().rows("/networks", {"orphaned": "true"})
    rows = [[text(row.get(key)) for key in keys] for row in found]
    session.screen.table(Table("networks", ["Name", "Type", "Created At", "Orphaned At"], rows))
