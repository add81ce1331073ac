"""`variables`: those of a deployment."""

from __future__ import annotations

from meristem.cli.cells import text
from meristem.cli.director import escaped
from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.verb import command


@command("variables")
def COMMAND(session: Session) -> None:
    """List the variables of the deployment given by -d."""
    found = session.director().rows(f"/deployments/{escaped(session.deployment())}/variables")
    rows = sorted(([text(row.get("id")), text(row.get("name"))] for row in found), key=lambda row: row[1])
    session.screen.table(Table("variables", ["ID", "Name"], rows))
