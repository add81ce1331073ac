"""`instances`: every instance, with processes and vitals on demand."""

from __future__ import annotations

from meristem.cli import full_rows
from meristem.cli.instance_table import Columns, build, failing
from meristem.cli.session import Session
from meristem.cli.verb import command, flag, option


@command(
    "instances",
    flag("-i", "--details", help="VM CID, disks, agent, index, stemcell."),
    flag("--vitals", help="Load, memory, disks."),
    flag("-p", "--ps", help="Processes."),
    option("-f", "--failing", "failing_only", is_flag=True, help="Only what is failing."),
)
def COMMAND(session: Session, details: bool, vitals: bool, ps: bool, failing_only: bool) -> None:
    """List instances of the deployment given by -d, or of all."""
    for deployment, rows in full_rows.fetch(session, "instances").items():
        if not session.settings.deployment:
            session.screen.line(f"Deployment '{deployment}'\n")
        chosen = [row for row in rows if failing(row)] if failing_only else rows
        session.screen.table(build("instances", chosen, Columns(processes=ps, details=details, vitals=vitals)))
