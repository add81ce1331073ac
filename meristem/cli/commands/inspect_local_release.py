"""`inspect-local-release`: the whole archive is checked, not only its manifest."""

from __future__ import annotations

from pathlib import Path

from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.verb import argument, command
from meristem.formats.release_archive import open_release


@command("inspect-local-release", argument("path"))
def COMMAND(session: Session, path: str) -> None:
    """Check a release file and show what it holds."""
    with open_release(Path(path)) as release:
        manifest = release.manifest
        dirty = "+" if manifest.uncommitted_changes else ""
        row = [manifest.name, manifest.version, (manifest.commit_hash or "") + dirty]
        session.screen.table(Table("", ["Name", "Version", "Commit Hash"], [row], transpose=True))
        jobs = [
            [f"{job.entry.name}/{job.entry.version}", job.entry.sha1, "\n".join(job.entry.packages)]
            for job in release.jobs
        ]
        session.screen.table(Table("jobs", ["Job", "Digest", "Packages"], jobs))
        packages = [
            [f"{item.name}/{item.version}", item.stemcell or "(source)", item.sha1, "\n".join(item.dependencies)]
            for item in manifest.packages
        ]
        session.screen.table(Table("packages", ["Package", "Compiled for", "Digest", "Dependencies"], packages))
