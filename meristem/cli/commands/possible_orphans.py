"""`possible-orphans`."""

from __future__ import annotations

from meristem.cli.cells import lines, text
from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.verb import command

NOTE = "Look for them in the cloud; then: delete-possible-orphan KEY --cid CID, or --dismiss when there is none."


@command("possible-orphans")
def COMMAND(session: Session) -> None:
    """List VMs, disks and stemcells that may exist in a cloud although nobody can tell."""
    found = session.director().rows("/possible_orphans")
    rows = [
        [
            *(text(row.get(key)) for key in ("key", "kind", "cpi", "deployment_name", "instance_name", "az")),
            lines(row.get("ip_addresses")),
            *(text(row.get(key)) for key in ("since", "task")),
        ]
        for row in found
    ]
    header = ["Key", "Kind", "CPI", "Deployment", "Instance", "AZ", "IPs", "Since", "Task"]
    session.screen.table(Table("possible_orphans", header, rows, notes=[NOTE] if rows else []))
