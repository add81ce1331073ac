"""`snapshots`."""

from __future__ import annotations

from meristem.cli.cells import text
from meristem.cli.director import escaped
from meristem.cli.session import Session
from meristem.cli.slug import one_instance
from meristem.cli.table import Table
from meristem.cli.verb import argument, command


@command("snapshots", argument("slug", required=False, metavar="[GROUP/ID]"))
def COMMAND(session: Session, slug: str | None) -> None:
    """List disk snapshots of the deployment given by -d, or of one instance."""
    path = f"/deployments/{escaped(session.deployment())}"
    if slug:
        found = one_instance(slug)
        path += f"/jobs/{escaped(found.group)}/{escaped(found.instance)}"
    rows = [
        [
            f"{text(row.get('job'))}/{text(row.get('uuid')) or text(row.get('index'))}",
            *(text(row.get(key)) for key in ("snapshot_cid", "created_at", "clean")),
        ]
        for row in session.director().rows(f"{path}/snapshots")
    ]
    session.screen.table(Table("snapshots", ["Instance", "CID", "Created At", "Clean"], rows))
