"""`disks --orphaned`."""

from __future__ import annotations

from meristem.cli.cells import size, text
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.verb import command, flag


@command("disks", flag("-o", "--orphaned", help="Orphaned disks."))
def COMMAND(session: Session, orphaned: bool) -> None:
    """List orphaned disks, newest first."""
    if not orphaned:
        raise CliError("Only --orphaned is supported", "Run: meristem disks --orphaned; attached ones: instances -i.")
    found = sorted(session.director().rows("/disks"), key=lambda row: text(row.get("orphaned_at")), reverse=True)
    rows = [
        [
            text(row.get("disk_cid")),
            size(row.get("size")),
            *(text(row.get(key)) for key in ("deployment_name", "instance_name", "az", "orphaned_at")),
        ]
        for row in found
    ]
    session.screen.table(Table("disks", ["Disk CID", "Size", "Deployment", "Instance", "AZ", "Orphaned At"], rows))
