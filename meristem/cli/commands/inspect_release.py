"""`inspect-release`."""

from __future__ import annotations

from meristem.cli.cells import text
from meristem.cli.director import escaped
from meristem.cli.session import Session
from meristem.cli.slug import name_and_version
from meristem.cli.table import Table
from meristem.cli.verb import argument, command
from meristem.formats.values import Hash, Value, hashes, is_hash


@command("inspect-release", argument("release"))
def COMMAND(session: Session, release: str) -> None:
    """Show the jobs and packages of an uploaded release NAME/VERSION."""
    name, version = name_and_version(release, "release")
    answer = session.director().get(f"/releases/{escaped(name)}", {"version": version})
    found = answer if is_hash(answer) else {}
    jobs = [
        [_label(job), *_blob(job), _links(job.get("consumes")), _links(job.get("provides"))]
        for job in hashes(found.get("jobs"))
    ]
    header = ["Job", "Blobstore ID", "Digest", "Links Consumed", "Links Provided"]
    session.screen.table(Table("jobs", header, jobs))
    packages: list[list[str]] = []
    for package in hashes(found.get("packages")):
        if package.get("blobstore_id"):
            packages.append([_label(package), "(source)", *_blob(package)])
        packages += [
            [_label(package), text(compiled.get("stemcell")), *_blob(compiled)]
            for compiled in hashes(package.get("compiled_packages"))
        ]
    session.screen.table(Table("packages", ["Package", "Compiled for", "Blobstore ID", "Digest"], packages))


def _label(item: Hash) -> str:
    return f"{text(item.get('name'))}/{text(item.get('fingerprint'))}"


def _blob(item: Hash) -> list[str]:
    return [text(item.get("blobstore_id")), text(item.get("sha1"))]


def _links(value: Value) -> str:
    return "\n".join(f"{text(item.get('name'))}: {text(item.get('type'))}" for item in hashes(value))
