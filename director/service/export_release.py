"""Export a release: what is not compiled for a stemcell yet is compiled, then jobs and compiled packages become one archive."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct, convert

from director.engine.context import TaskContext
from director.manifest.load import load_deployment
from director.model.deployment import Document
from director.model.errors import BadRequest, NotFound
from director.model.instance import InstanceSpec, VmSpec
from director.model.plan import Plan
from director.model.rows import (
    AddressRow,
    CompiledPackageRow,
    JobRow,
    PackageRow,
    ReleaseRow,
    SettingRow,
    StemcellRow,
    compiled_key,
)
from director.plan.compilation import compile_stage
from director.plan.ids import Ids
from director.plan.packages import builds, dependency_key, package_of, transitive
from director.plan.world import Wanted
from director.ports.store import Changes
from director.service import configs
from director.service.audit import audited
from director.service.deploy import seed_of
from director.service.house import House
from director.service.instances import require_deployment
from director.service.stage import StageLog
from meristem.formats import digests, yaml_dump
from meristem.formats.archive_writer import write_members

EXPORTED = "exported_release/"


class ExportRequest(Struct, frozen=True):
    """As POSTed; ``jobs`` empty for all."""

    deployment: str
    name: str
    version: str
    os: str
    os_version: str
    sha2: bool = False
    jobs: tuple[str, ...] = ()

    @property
    def stemcell(self) -> str:
        """As compiled packages name it."""
        return f"{self.os}/{self.os_version}"


async def run_export_release(house: House, context: TaskContext) -> str | None:
    """Handler of ``export_release``; one result line {blobstore_id, sha1}. The archive's blob stays until a clean-up."""
    request = convert(context.task.request, ExportRequest)
    await context.lock(f"deployment/{request.deployment}")
    async with audited(house, context, "export", "release", f"{request.name}/{request.version}"):
        await context.carry_out(lambda: _plan(house, context, request))
        release = await _release(house, request)
        context.log.result(await _archive(house, context, request, release))
    return f"Exported release: {request.name}/{request.version} for {request.stemcell}"


async def _plan(house: House, context: TaskContext, request: ExportRequest) -> Plan:
    """The missing compilations, by the compilation settings of the deployment."""
    store = house.store
    row = await require_deployment(store, request.deployment)
    release = await _release(house, request)
    if row.manifest is None or (request.name, request.version) not in row.releases:
        raise BadRequest(
            f"Release version '{request.name}/{request.version}' not found in deployment '{row.name}' manifest",
            code=30011,
            remedy="Export it from a deployment that uses it",
        )
    rows = await store.find(StemcellRow, operating_system=request.os)
    stemcell = next((one for one in rows if one.version == request.os_version and one.cid), None)
    if stemcell is None:
        raise NotFound(
            f"Stemcell version '{request.os_version}' for OS '{request.os}' doesn't exist",
            code=50003,
            remedy="Upload it with upload-stemcell",
        )
    names = [package.name for package in _packages(release, _jobs(release, request), request)]
    compiled = {one.key for one in await store.find(CompiledPackageRow)}
    cloud = configs.cloud_config(await configs.pinned(store, "cloud", row.cloud_config_ids), house.own_addresses)
    runtime = configs.runtime_configs(await configs.pinned(store, "runtime", row.runtime_config_ids))
    wanted = Wanted(
        deployment=load_deployment(row.manifest, cloud, runtime),
        cloud=cloud,
        specs=(_stand_in(row.name, stemcell),),
        builds=tuple(builds(release, names, request.stemcell, compiled).values()),
        variable_set=row.variable_set,
        director=house.site.name,
    )
    agents: list[str] = []
    taken = {one.address for one in await store.find(AddressRow)}
    stage = compile_stage(wanted, Ids(f"{house.site.uuid}/{seed_of(context.task)}"), taken, agents)
    return Plan(row.name, (stage,) if stage else (), agents=tuple(agents))


def _stand_in(deployment: str, stemcell: StemcellRow) -> InstanceSpec:
    """The compilation takes its stemcell from an instance's spec; here nobody needs the instance."""
    vm = VmSpec(
        cpi=stemcell.cpi,
        stemcell_name=stemcell.name,
        stemcell_version=stemcell.version,
        stemcell_os=stemcell.operating_system,
    )
    return InstanceSpec(deployment, "export", "", 0, "", False, vm, (), ())


async def _release(house: House, request: ExportRequest) -> ReleaseRow:
    row = await house.store.get(ReleaseRow, f"{request.name}/{request.version}")
    if row is None:
        raise NotFound(f"Release version '{request.name}/{request.version}' doesn't exist", code=30006)
    return row


def _jobs(release: ReleaseRow, request: ExportRequest) -> list[JobRow]:
    if not request.jobs:
        return list(release.jobs)
    unknown = set(request.jobs) - {one.name for one in release.jobs}
    if unknown:
        raise NotFound(
            f"Release '{release.key}' has no job {', '.join(sorted(unknown))}",
            code=70009,
            remedy=f"Its jobs are: {', '.join(one.name for one in release.jobs)}",
        )
    return [one for one in release.jobs if one.name in request.jobs]


def _packages(release: ReleaseRow, jobs: Sequence[JobRow], request: ExportRequest) -> list[PackageRow]:
    """All of the release, or with chosen jobs those that they need."""
    if not request.jobs:
        return list(release.packages)
    found: dict[str, PackageRow] = {}
    for job in jobs:
        for name in job.packages:
            top = package_of(release, name)
            found |= {one.name: one for one in (*transitive(release, top), top)}
    return list(found.values())


async def _archive(house: House, context: TaskContext, request: ExportRequest, release: ReleaseRow) -> Document:
    jobs = _jobs(release, request)
    packages: list[tuple[PackageRow, CompiledPackageRow]] = []
    for package in _packages(release, jobs, request):
        key = compiled_key(package.name, package.fingerprint, request.stemcell, dependency_key(release, package))
        compiled = await house.store.get(CompiledPackageRow, key)
        if compiled is None:
            raise NotFound(f"Package '{package.name}' is not compiled for '{request.stemcell}'", code=430003)
        packages.append((package, compiled))
    members = [(f"compiled_packages/{one.name}.tgz", await house.blobs.path(row.blob_id)) for one, row in packages]
    members += [(f"jobs/{one.name}.tgz", await house.blobs.path(one.blob_id)) for one in jobs]
    manifest = yaml_dump.dump(_manifest(request, release, jobs, packages)).encode()
    target = house.spool / f"export-{context.task.id}.tgz"
    algorithm = "sha256" if request.sha2 else "sha1"
    async with StageLog(context.log, "Packing release").task(f"{release.key} for {request.stemcell}"):
        digest = await asyncio.to_thread(_pack, target, manifest, members, algorithm)
        blob = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{house.site.uuid}/{seed_of(context.task)}/export"))
        await house.blobs.put_file(target, blob_id=blob)
        await asyncio.to_thread(target.unlink, missing_ok=True)
    await context.commit(Changes(put=(SettingRow(name=f"{EXPORTED}{blob}", value=release.key),)))
    return {"blobstore_id": blob, "sha1": digest}


def _manifest(
    request: ExportRequest,
    release: ReleaseRow,
    jobs: Sequence[JobRow],
    packages: Sequence[tuple[PackageRow, CompiledPackageRow]],
) -> Document:
    return {
        "name": release.name,
        "version": release.version,
        "commit_hash": release.commit_hash,
        "uncommitted_changes": release.uncommitted_changes,
        "compiled_packages": [
            {
                "name": one.name,
                "version": one.version,
                "fingerprint": one.fingerprint,
                "sha1": row.digest,
                "stemcell": request.stemcell,
                "dependencies": list(one.dependencies),
            }
            for one, row in packages
        ],
        "jobs": [
            {
                "name": one.name,
                "version": one.version,
                "fingerprint": one.fingerprint,
                "sha1": one.digest,
                "packages": list(one.packages),
            }
            for one in jobs
        ],
    }


def _pack(target: Path, manifest: bytes, members: Sequence[tuple[str, Path]], algorithm: str) -> str:
    """release.MF first; the digest as the contract writes it."""
    write_members([("release.MF", manifest), *members], target)
    return str(digests.of_file(target, algorithm))
