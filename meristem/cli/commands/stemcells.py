"""`stemcells`: what was uploaded, newest version first."""

from __future__ import annotations

from meristem.cli.cells import text
from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.verb import command
from meristem.formats import versions
from meristem.formats.values import hashes


@command("stemcells")
def COMMAND(session: Session) -> None:
    """List stemcells."""
    found = session.director().rows("/stemcells")
    found.sort(key=lambda row: versions.parse(text(row.get("version")) or "0"), reverse=True)
    found.sort(key=lambda row: text(row.get("name")))
    rows = [
        [
            text(row.get("name")),
            text(row.get("version")) + ("*" if hashes(row.get("deployments")) else ""),
            text(row.get("operating_system")),
            text(row.get("cpi")),
            text(row.get("cid")),
        ]
        for row in found
    ]
    header = ["Name", "Version", "OS", "CPI", "CID"]
    session.screen.table(Table("stemcells", header, rows, ["(*) Currently deployed"]))
