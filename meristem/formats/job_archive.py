"""A job's archive (`jobs/<name>.tgz`): job.MF, monit, templates, optional properties schema."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from meristem.formats import job_spec
from meristem.formats.errors import FormatError
from meristem.formats.job_spec import JobSpec
from meristem.formats.tar_reader import Limits, Refusal, members
from meristem.formats.values import Hash, is_hash

_LIMITS = Limits(members=20_000, total_bytes=512 << 20)
_FILE_LIMIT = 64 << 20


@dataclass(frozen=True)
class Job:
    """A job as shipped: `templates` maps the source name to its content, `extra_monits` `*.monit` at the top."""

    spec: JobSpec
    monit: bytes | None
    templates: dict[str, bytes]
    extra_monits: dict[str, bytes]
    properties_schema: Hash | None


def read(path: Path, name: str, *, version: str = "", place: str | None = None) -> Job:
    """Reads and checks a job archive into memory.

    Errors: 80000 archive or name, 80001 no job.MF, 80002 missing template, 80004 no monit, 80005/8/13/14 spec,
    40005 a properties schema that is not JSON.
    """
    where = place or str(path)
    label = f"job '{name}/{version}'" if version else f"job '{name}'"
    refusal = Refusal(
        80000,
        f"Extracting {label} archive failed. Check task debug log for details.",
        where,
        "Build the release again.",
    )
    files: dict[str, bytes] = {}
    for member in members(path, refusal, _LIMITS):
        if member.info.issym() or member.info.islnk():
            raise refusal.because(f"member '{member.name}' is a link; a job archive holds plain files")
        if member.is_file:
            files[member.name] = member.read(_FILE_LIMIT)
    return _checked(files, name, where)


def _checked(files: dict[str, bytes], name: str, where: str) -> Job:
    manifest = files.get("job.MF")
    if manifest is None:
        raise FormatError(
            80001,
            f"Missing job manifest for '{name}'",
            place=where,
            remedy="The archive must hold job.MF (the job's spec) at its top.",
        )
    spec = job_spec.parse(manifest, f"{where}!job.MF", name)
    templates: dict[str, bytes] = {}
    for source in spec.templates:
        content = files.get(f"templates/{source}")
        if content is None:
            raise FormatError(
                80002,
                f"Missing template file '{source}' for job '{name}'",
                place=f"{where}!job.MF",
                remedy=f"Add templates/{source}, or drop it from the spec's templates.",
            )
        templates[source] = content
    extra = {file: data for file, data in files.items() if file.endswith(".monit") and "/" not in file}
    monit = files.get("monit")
    if monit is None and not extra:
        raise FormatError(
            80004,
            f"Job '{name}' is missing monit file",
            place=where,
            remedy="Add a file 'monit' at the job's top; it may be empty.",
        )
    return Job(spec, monit, templates, extra, _schema(files, where))


def _schema(files: dict[str, bytes], where: str) -> Hash | None:
    raw = files.get("properties_schema.json")
    if raw is None:
        return None
    try:
        parsed = cast(object, json.loads(raw))
    except ValueError as error:
        raise FormatError(
            40005,
            f"properties_schema.json is not JSON: {error}",
            place=f"{where}!properties_schema.json",
            remedy="Write a JSON Schema (draft 2020-12).",
        ) from error
    if not is_hash(parsed):
        raise FormatError(
            40005,
            "properties_schema.json is not an object",
            place=f"{where}!properties_schema.json",
            remedy="Write a JSON Schema (draft 2020-12).",
        )
    return parsed
