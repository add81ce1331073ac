"""`deployments`: what the director keeps."""

from __future__ import annotations

from meristem.cli.cells import lines, text
from meristem.cli.deployment_rows import labels
from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.verb import command


@command("deployments")
def COMMAND(session: Session) -> None:
    """List deployments."""
    found = session.director().rows("/deployments", {"exclude_configs": "true", "exclude_lock": "true"})
    rows = [
        [text(row.get("name")), labels(row.get("releases")), labels(row.get("stemcells")), lines(row.get("teams"))]
        for row in sorted(found, key=lambda item: text(item.get("name")))
    ]
    session.screen.table(Table("deployments", ["Name", "Release(s)", "Stemcell(s)", "Team(s)"], rows))
