"""What a job's tgz holds for rendering: monit files and templates with their destinations."""

from __future__ import annotations

import tarfile
from pathlib import Path

from msgspec import Struct

from director.model.deployment import Document
from director.model.errors import BadRequest


class Template(Struct, frozen=True):
    """``source`` as in the job spec (or the monit file's name), ``destination`` below the job's directory."""

    source: str
    destination: str
    text: str


def read_templates(archive: Path, spec: Document, job: str) -> list[Template]:
    """All templates of a job, monit first, then sorted by source. A template missing from the archive is a `BadRequest` (80004)."""
    texts: dict[str, str] = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile():
                name = member.name.removeprefix("./")
                if name == "monit" or name.endswith(".monit") or name.startswith("templates/"):
                    file = tar.extractfile(member)
                    assert file is not None
                    texts[name] = file.read().decode("utf-8", "surrogateescape")
    found = [Template(name, name, text) for name, text in sorted(texts.items()) if not name.startswith("templates/")]
    for source, destination in sorted((spec.get("templates") or {}).items()):
        text = texts.get(f"templates/{source}")
        if text is None:
            raise BadRequest(
                f"Template '{source}' is missing from job '{job}'",
                code=80004,
                remedy="Upload the release again with --fix",
            )
        found.append(Template(source, str(destination), text))
    return found
