"""`inspect-local-stemcell`."""

from __future__ import annotations

from pathlib import Path

from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.verb import argument, command
from meristem.formats import stemcell_archive


@command("inspect-local-stemcell", argument("path"))
def COMMAND(session: Session, path: str) -> None:
    """Show what a stemcell file holds."""
    manifest = stemcell_archive.read_manifest(Path(path))
    row = [manifest.name, manifest.operating_system, manifest.version, "\n".join(manifest.formats), manifest.sha1]
    session.screen.table(Table("", ["Name", "OS", "Version", "Formats", "Digest"], [row], transpose=True))
