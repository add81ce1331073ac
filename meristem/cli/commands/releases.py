"""`releases`: all versions, newest first."""

from __future__ import annotations

from meristem.cli.cells import text
from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.verb import command
from meristem.formats import versions
from meristem.formats.values import hashes


@command("releases")
def COMMAND(session: Session) -> None:
    """List releases."""
    rows: list[list[str]] = []
    for release in sorted(session.director().rows("/releases"), key=lambda item: text(item.get("name"))):
        found = hashes(release.get("release_versions"))
        found.sort(key=lambda item: versions.parse(text(item.get("version"))), reverse=True)
        for version in found:
            deployed = "*" if version.get("currently_deployed") else ""
            dirty = "+" if version.get("uncommitted_changes") else ""
            row = [text(version.get("version")) + deployed, text(version.get("commit_hash")) + dirty]
            rows.append([text(release.get("name")), *row])
    notes = ["(*) Currently deployed", "(+) Uncommitted changes"]
    session.screen.table(Table("releases", ["Name", "Version", "Commit Hash"], rows, notes))
