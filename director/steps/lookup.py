"""Late-bound values: what steps look up in the store by the keys they were given."""

from __future__ import annotations

from director.model.cpi_names import names_of
from director.model.errors import DirectorError, NotFound
from director.model.instance import InstanceSpec, PackageSpec
from director.model.rows import (
    CompiledPackageRow,
    DiskRow,
    InstanceRow,
    JobRow,
    ReleaseRow,
    StemcellRow,
    VariableSetRow,
    VmRow,
    compiled_key,
)
from director.steps.step import Io


async def instance(io: Io, instance_id: str) -> InstanceRow:
    row = await io.store.get(InstanceRow, instance_id)
    if row is None:
        raise NotFound(
            f"Instance {instance_id} doesn't exist", remedy="Deploy again: the plan is older than the store."
        )
    return row


async def vm_of(io: Io, instance_id: str) -> VmRow | None:
    """The active VM of an instance that the cloud has, None when it has none."""
    row = await io.store.get(InstanceRow, instance_id)
    if row is not None and row.agent_id:
        vm = await io.store.get(VmRow, row.agent_id)
        return vm if vm is not None and vm.cid else None
    vms = [one for one in await io.store.find(VmRow, instance_id=instance_id) if one.cid and one.active]
    return max(vms, key=lambda one: one.created_at or 0) if vms else None


async def live_vm(io: Io, instance_id: str) -> VmRow:
    """`vm_of`, or an error that names the instance."""
    vm = await vm_of(io, instance_id)
    if vm is None:
        row = await instance(io, instance_id)
        raise DirectorError(
            f"'{row.name} ({row.index})' has no VM", remedy="Deploy again; the VM is made when it is missing."
        )
    return vm


async def vm(io: Io, agent_id: str) -> VmRow:
    """By agent id."""
    row = await io.store.get(VmRow, agent_id)
    if row is None or not row.cid:
        raise NotFound(f"No VM has agent id {agent_id}", remedy="Deploy again: the plan is older than the store.")
    return row


async def disk(io: Io, object_key: str) -> DiskRow:
    row = await io.store.get(DiskRow, object_key)
    if row is None:
        raise NotFound(f"Disk {object_key} doesn't exist", code=520000)
    return row


async def pins(io: Io, variable_set: int) -> dict[str, str]:
    """Absolute variable name → version id of a variable set; empty when there is none."""
    row = await io.store.get(VariableSetRow, f"{variable_set:012d}") if variable_set else None
    return row.pins if row is not None else {}


async def stemcell(io: Io, name: str, version: str, cpi: str) -> StemcellRow:
    """Uploaded for this CPI, with a CID; also under a former name of it."""
    for one in names_of(cpi, await io.clouds.renamed()):
        row = await io.store.get(StemcellRow, f"{name}/{version}/{one}")
        if row is not None and row.cid:
            return row
    where = f" for CPI '{cpi}'" if cpi else ""
    raise NotFound(
        f"Stemcell '{name}/{version}' doesn't exist{where}",
        code=50003,
        remedy="Upload it (upload-stemcell; --fix when an upload was interrupted).",
    )


async def compiled(io: Io, package: PackageSpec, stemcell: str) -> CompiledPackageRow:
    """The compiled form of a package on a stemcell ``os/version``."""
    key = compiled_key(package.name, package.fingerprint, stemcell, package.dependency_key)
    row = await io.store.get(CompiledPackageRow, key)
    if row is None:
        raise NotFound(
            f"Package '{package.name}/{package.fingerprint}' is not compiled for '{stemcell}'",
            remedy="Deploy again: what is missing is compiled then.",
        )
    return row


async def jobs(io: Io, spec: InstanceSpec) -> list[JobRow]:
    """The release jobs of an instance, in the order of its spec."""
    found: list[JobRow] = []
    for job in spec.jobs:
        release = await io.store.get(ReleaseRow, f"{job.release}/{job.release_version}")
        row = next((one for one in release.jobs if one.name == job.name), None) if release else None
        if row is None:
            raise NotFound(
                f"Job '{job.name}' of release '{job.release}/{job.release_version}' doesn't exist",
                remedy="Upload the release again.",
            )
        found.append(row)
    return found
