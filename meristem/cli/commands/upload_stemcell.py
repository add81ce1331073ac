"""`upload-stemcell`: from a file or by URL; skipped when every CPI has it."""

from __future__ import annotations

from pathlib import Path

from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.task_follow import follow
from meristem.cli.verb import argument, command, flag, option
from meristem.formats import digests, stemcell_archive
from meristem.formats.values import Hash, is_hash


@command(
    "upload-stemcell",
    argument("url"),
    flag("--fix", help="Replace a stemcell that exists."),
    option("--name", help="Name, to skip the upload if it exists."),
    option("--version", help="Version, to skip the upload if it exists."),
    option("--sha1", help="Expected digest."),
)
def COMMAND(session: Session, url: str, fix: bool, name: str | None, version: str | None, sha1: str | None) -> None:
    """Upload a stemcell file, or let the director fetch a URL."""
    director = session.director()
    query = {"fix": "true" if fix else None}
    remote = url.startswith(("http://", "https://"))
    path = Path(url.removeprefix("file://")).expanduser()
    if not remote:
        if not path.is_file():
            raise CliError(f"No stemcell file at '{path}'.", "Give a path or an http(s) URL.")
        manifest = stemcell_archive.read_manifest(path)
        if sha1:
            digests.verify_file(path, sha1, place=str(path), code=50007)
        name, version = manifest.name, manifest.version
    if name and version and not fix:
        asked: Hash = {"stemcell": {"name": name, "version": version}}
        answer = director.send("POST", "/stemcell_uploads", asked)
        if is_hash(answer) and answer.get("needed") is False:
            session.screen.line(f"Stemcell '{name}/{version}' already exists.")
            return
    if remote:
        body: Hash = {"location": url, **({"sha1": sha1} if sha1 else {})}
        follow(session, director.start("POST", "/stemcells", query, body=body))
        return
    follow(session, director.upload("/stemcells", path, query))
