"""What comes out of the templates of an instance's jobs, packed as the archive that the agent installs."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import uuid
from collections.abc import Sequence

import msgspec
from msgspec import Struct, field

from director.model.errors import BadRequest
from director.model.instance import InstanceSpec
from director.ports.templates import Rendered


class Archive(Struct, frozen=True):
    """A rendered templates archive: its blob id follows from its content."""

    blob_id: str
    digest: str
    data: bytes = field(default=b"")


class Rendering(Struct, frozen=True):
    """What rendering gives one instance."""

    configuration_hash: str
    template_hashes: dict[str, str]
    archive: Archive


def apply_rendering(spec: InstanceSpec, rendering: Rendering) -> InstanceSpec:
    """The spec with its rendering filled in."""
    return msgspec.structs.replace(
        spec,
        configuration_hash=rendering.configuration_hash,
        templates_blob=rendering.archive.blob_id,
        templates_digest=rendering.archive.digest,
        template_hashes=rendering.template_hashes,
    )


def pack_all(results: Sequence[tuple[str, Sequence[Rendered]]]) -> dict[str, Rendering]:
    """Renderings by instance id."""
    return {id: _pack(rendered) for id, rendered in results}


def _pack(rendered: Sequence[Rendered]) -> Rendering:
    jobs = sorted(rendered, key=lambda one: one.job)
    total = hashlib.sha1(usedforsecurity=False)
    hashes: dict[str, str] = {}
    for job in jobs:
        own = hashlib.sha1(usedforsecurity=False)
        for destination, text in sorted(job.files.items()):
            own.update(destination.encode() + b"\0" + text)
        hashes[job.job] = own.hexdigest()
        total.update(job.job.encode() + b"\0" + own.digest())
    data = _archive(jobs)
    content = hashlib.sha256(data).hexdigest()
    # gzip output of one zlib is stable, and another zlib only makes another blob of the same configuration
    blob = str(uuid.uuid5(uuid.NAMESPACE_OID, f"templates/{content}"))
    return Rendering(total.hexdigest() if jobs else "", hashes, Archive(blob, f"sha256:{content}", data))


def _archive(jobs: Sequence[Rendered]) -> bytes:
    raw = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, compresslevel=6) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for job in jobs:
            for destination, text in sorted(job.files.items()):
                info = tarfile.TarInfo(f"{job.job}/{destination}")
                info.size = len(text)
                info.mode = 0o750 if destination.startswith("bin/") else 0o640
                tar.addfile(info, io.BytesIO(text))
    return raw.getvalue()


def refuse(results: Sequence[tuple[str, Rendered]]) -> None:
    """Raises when there are errors; results come with the name of their group. The contract's tree of rendering errors: groups, jobs, templates; an error that all instances share is told once."""
    groups: dict[str, dict[str, dict[str, None]]] = {}
    for group, one in results:
        for error in one.errors:
            groups.setdefault(group, {}).setdefault(one.job, {})[error] = None
    if not groups:
        return
    lines = ["Unable to render instance groups for deployment. Errors are:"]
    for group, jobs in groups.items():
        lines.append(f"  - Unable to render jobs for instance group '{group}'. Errors are:")
        for job, errors in jobs.items():
            lines.append(f"    - Unable to render templates for job '{job}'. Errors are:")
            lines += [f"      - {error}" for error in errors]
    raise BadRequest("\n".join(lines), code=100)
