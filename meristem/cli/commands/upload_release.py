"""`upload-release`: a directory, a file or a URL."""

from __future__ import annotations

from pathlib import Path

from meristem.cli.release_upload import UploadOptions, upload_directory, upload_file, upload_url
from meristem.cli.session import Session
from meristem.cli.verb import argument, command, flag, option


@command(
    "upload-release",
    argument("url", required=False),
    option("--dir", "directory", default=".", help="Release directory, when no URL is given."),
    flag("--rebase", help="Take the next dev version."),
    flag("--fix", help="Replace corrupt jobs and packages."),
    option("--name", help="Name, to skip the upload if it exists."),
    option("--version", help="Version, to skip the upload if it exists."),
    option("--sha1", help="Expected digest."),
    option("--stemcell", help="OS/VERSION of a compiled release (ignored: release.MF says it)."),
)
def COMMAND(
    session: Session,
    url: str | None,
    directory: str,
    rebase: bool,
    fix: bool,
    name: str | None,
    version: str | None,
    sha1: str | None,
    stemcell: str | None,
) -> None:
    """Upload a release; without URL, build one from the release directory first."""
    session.director()
    options = UploadOptions(rebase, fix, name, version, sha1)
    if url is None or Path(url.removeprefix("file://")).is_dir():
        upload_directory(session, Path(url.removeprefix("file://") if url else directory), options)
    elif url.startswith(("http://", "https://")):
        upload_url(session, url, options)
    else:
        upload_file(session, Path(url.removeprefix("file://")).expanduser(), options)
