"""The apply spec as it goes over the wire (agent protocol §4), built from an instance's spec. Signed URLs are made here, at the last moment."""

from __future__ import annotations

from director.model.deployment import Document
from director.model.instance import InstanceSpec
from director.model.rows import CompiledPackageRow, VmRow
from director.steps import lookup
from director.steps.step import Io


async def apply_spec(io: Io, spec: InstanceSpec, vm: VmRow) -> Document:
    """For apply, prepare and drain on ``vm``."""
    signed = signs(vm)
    packages = [await lookup.compiled(io, one, spec.stemcell) for one in spec.packages]
    wire: Document = {
        "deployment": spec.deployment,
        "job": await _job(io, spec),
        "index": spec.index,
        "name": spec.group,
        "id": spec.id,
        "az": spec.az or None,
        "bootstrap": spec.bootstrap,
        "lifecycle": spec.lifecycle,
        "networks": vm.networks or spec.vm.networks,
        "packages": {one.name: package(io, one, signed=signed) for one in packages},
        "configuration_hash": spec.configuration_hash,
        "template_hashes": spec.template_hashes,
        "persistent_disk": spec.disk.size if spec.disk else 0,
        "dns_domain_name": spec.dns_domain_name,
    }
    if spec.templates_blob:
        archive = {"blobstore_id": spec.templates_blob, "sha1": spec.templates_digest}
        if signed:
            archive["signed_url"] = io.blobs.sign(spec.templates_blob, "GET")
        wire["rendered_templates_archive"] = archive
    return wire


def signs(vm: VmRow) -> bool:
    """Whether the VM's agent reads and writes blobs by signed URLs (stemcell API 3)."""
    return vm.stemcell_api >= 3


def package(io: Io, row: CompiledPackageRow, *, signed: bool, url_key: str = "signed_url") -> Document:
    """A compiled package as agents are told of it; ``sha1`` holds a digest string of any algorithm."""
    told = {
        "name": row.name,
        "version": f"{row.fingerprint}.{row.build}",
        "sha1": row.digest,
        "blobstore_id": row.blob_id,
    }
    if signed:
        told[url_key] = io.blobs.sign(row.blob_id, "GET")
    return told


async def _job(io: Io, spec: InstanceSpec) -> Document | None:
    rows = await lookup.jobs(io, spec)
    if not rows:
        return None
    templates = [
        {"name": one.name, "version": one.version, "sha1": one.digest, "blobstore_id": one.blob_id} for one in rows
    ]
    return {"name": spec.group, "template": rows[0].name, "version": rows[0].version, "templates": templates}
