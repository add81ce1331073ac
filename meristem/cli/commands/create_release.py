"""`create-release`: build a release from its directory."""

from __future__ import annotations

from pathlib import Path

from meristem.cli.release_upload import build
from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.verb import command, flag, option
from meristem.formats.release_dir import Options


@command(
    "create-release",
    option("--dir", "directory", default=".", help="Release directory."),
    option("--name", help="Release name other than in config/final.yml."),
    option("--version", help="Version, such as 1.2 or 1.2+dev.3."),
    flag("--timestamp-version", help="Use the time as dev number."),
    flag("--final", help="Make a final release and store its builds."),
    option("--tarball", help="Also write the archive here."),
    flag("--force", help="Allow uncommitted changes."),
)
def COMMAND(
    session: Session,
    directory: str,
    name: str | None,
    version: str | None,
    timestamp_version: bool,
    final: bool,
    tarball: str | None,
    force: bool,
) -> None:
    """Build a release from its directory."""
    target = Path(tarball).expanduser() if tarball else None
    built = build(
        session,
        Path(directory),
        Options(name, version, timestamp_version, final, force, tarball=target),
    )
    manifest = built.manifest
    pairs = [
        ("Name", manifest.name),
        ("Version", manifest.version),
        ("Commit Hash", (manifest.commit_hash or "") + ("+" if manifest.uncommitted_changes else "")),
    ]
    if built.tarball:
        pairs.append(("Archive", str(built.tarball.resolve())))
    header, row = [title for title, _ in pairs], [value for _, value in pairs]
    session.screen.table(Table("", header, [row], transpose=True))
    jobs = [[f"{job.name}/{job.version}", job.sha1, "\n".join(job.packages)] for job in manifest.jobs]
    session.screen.table(Table("jobs", ["Job", "Digest", "Packages"], jobs))
    packages = [[f"{item.name}/{item.version}", item.sha1, "\n".join(item.dependencies)] for item in manifest.packages]
    session.screen.table(Table("packages", ["Package", "Digest", "Dependencies"], packages))
