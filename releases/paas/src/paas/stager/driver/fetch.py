"""Fetches a buildpack that is given by its address, from inside the container: it reaches what staging may reach, and nothing else."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from paas.stager.driver.failure import StagingError
from paas.stager.driver.zips import ZipRefusedError, unpack

SECONDS = 60
CHUNK = 1 << 20


def fetch(url: str, target: Path, most_bytes: int, ca: str = "") -> Path:
    """The root of the buildpack that the zip at `url` has, unpacked in `target`."""
    shown = url.partition("?")[0]
    if urlsplit(url).scheme not in ("http", "https"):
        raise StagingError("BuildpackCompileFailed", f"{shown}: a buildpack is fetched by http or https, as a zip")
    archive = target.with_suffix(".zip")
    context = ssl.create_default_context()
    if ca:
        context.load_verify_locations(ca)
    try:
        with urllib.request.urlopen(url, timeout=SECONDS, context=context) as response, archive.open("wb") as file:
            size = 0
            while chunk := response.read(CHUNK):
                size += len(chunk)
                if size > most_bytes:
                    raise StagingError("BuildpackCompileFailed", f"{shown}: is larger than {most_bytes >> 20} MB")
                file.write(chunk)
    except urllib.error.HTTPError as error:
        raise StagingError("BuildpackCompileFailed", f"{shown}: the server answers {error.code}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise StagingError(
            "BuildpackCompileFailed",
            f"{shown}: cannot be reached from staging ({reason}); the operator allows addresses by the stager's property `egress`",
        ) from None
    try:
        unpack(archive, target, most_bytes)
    except ZipRefusedError as error:
        raise StagingError("BuildpackCompileFailed", f"{shown}: {error}") from None
    archive.unlink()
    return rooted(target, shown)


def rooted(directory: Path, name: str) -> Path:
    """Where ``bin`` is, at the top or in the one directory there; its scripts can be run afterwards."""
    for place in (directory, *(path for path in sorted(directory.iterdir()) if path.is_dir())):
        scripts = [path for path in (place / "bin").glob("*") if path.is_file()] if (place / "bin").is_dir() else []
        if {path.name for path in scripts} & {"detect", "supply", "compile", "finalize"}:
            for script in scripts:
                script.chmod(script.stat().st_mode | 0o755)
            return place
    raise StagingError(
        "BuildpackCompileFailed", f"{name}: is no buildpack: it has no bin/detect, bin/supply or bin/compile"
    )
