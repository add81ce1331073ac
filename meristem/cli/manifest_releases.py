"""Releases a manifest brings along: uploaded from their `url` before the deploy, built when `version: create`."""

from __future__ import annotations

from pathlib import Path

from meristem.cli.release_upload import UploadOptions, upload_directory, upload_file, upload_url
from meristem.cli.session import Session
from meristem.formats.errors import FormatError
from meristem.formats.values import Hash, hashes, text_or_none


def upload(session: Session, document: Hash, *, fix: bool) -> bool:
    """Uploads what has a url; returns True if the document was changed (`create` became a version)."""
    changed = False
    for release in hashes(document.get("releases")):
        url, name = text_or_none(release.get("url")), text_or_none(release.get("name"))
        version = text_or_none(release.get("version"))
        if not url:
            continue
        if version == "create":
            local = Path(url.removeprefix("file://")).expanduser()
            if not local.is_dir():
                raise FormatError(
                    440001,
                    f"Release '{name}' has version 'create' but its url '{url}' is no directory",
                    place="releases",
                    remedy="Point url at the release directory.",
                )
            built = upload_directory(session, local, UploadOptions(fix=fix, name=name))
            release["version"] = built.version
            changed = True
            continue
        options = UploadOptions(fix=fix, name=name, version=version, sha1=text_or_none(release.get("sha1")))
        if url.startswith(("http://", "https://")):
            upload_url(session, url, options)
        else:
            upload_file(session, Path(url.removeprefix("file://")).expanduser(), options)
    return changed
