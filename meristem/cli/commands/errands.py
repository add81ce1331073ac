"""`errands`."""

from __future__ import annotations

from meristem.cli.cells import text
from meristem.cli.director import escaped
from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.verb import command


@command("errands")
def COMMAND(session: Session) -> None:
    """List the errands of the deployment given by -d."""
    found = session.director().rows(f"/deployments/{escaped(session.deployment())}/errands")
    session.screen.table(Table("errands", ["Name"], sorted([text(row.get("name"))] for row in found)))
