"""`orphaned-vms`."""

from __future__ import annotations

from meristem.cli.cells import lines, text
from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.verb import command


@command("orphaned-vms")
def COMMAND(session: Session) -> None:
    """List VMs that wait for deletion."""
    rows = [
        [
            *(text(row.get(key)) for key in ("cid", "deployment_name", "instance_name", "az")),
            lines(row.get("ip_addresses")),
            text(row.get("orphaned_at")),
        ]
        for row in session.director().rows("/orphaned_vms")
    ]
    header = ["VM CID", "Deployment", "Instance", "AZ", "IPs", "Orphaned At"]
    session.screen.table(Table("orphaned_vms", header, rows))
