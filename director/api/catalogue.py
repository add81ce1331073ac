"""/releases, /stemcells, /packages (director API §6)."""

from __future__ import annotations

from collections import defaultdict

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from director.api.auth import ADMIN, READ, require
from director.api.desk import Desk
from director.api.replies import flag, hash_of, hashes, json, json_object, text_body, to_task
from director.api.spool import take_upload
from director.manifest.marks import read_yaml
from director.model.briefs import DeploymentBrief
from director.model.deployment import Document
from director.model.errors import BadRequest, NotFound
from director.model.rows import CompiledPackageRow, ReleaseRow, StemcellRow
from director.service.deletions import DeleteReleaseRequest, DeleteStemcellRequest
from director.service.export_release import ExportRequest
from director.service.instances import require_deployment
from director.service.upload_release import ReleaseRequest
from director.service.upload_stemcell import StemcellRequest
from meristem.formats import versions

RELEASES = (*READ, "bosh.releases.upload", "bosh.teams.*.admin")
STEMCELLS = (*READ, "bosh.stemcells.upload", "bosh.teams.*.admin")


def routes(desk: Desk) -> APIRouter:
    """Release, package and stemcell routes."""
    router = APIRouter()
    store = desk.house.store

    @router.get("/releases")
    async def releases(request: Request) -> Response:
        require(request, desk, RELEASES)
        used = {pair for row in await store.find(DeploymentBrief) for pair in row.releases}
        named: dict[str, list[ReleaseRow]] = defaultdict(list)
        for row in await store.find(ReleaseRow):
            named[row.name].append(row)
        return json([{"name": name, "release_versions": _versions(rows, used)} for name, rows in sorted(named.items())])

    @router.post("/releases")
    async def upload_release(request: Request) -> Response:
        caller = require(request, desk, (*ADMIN, "bosh.releases.upload"))
        taken = await take_upload(request, desk.house)
        wanted = ReleaseRequest(
            taken.path, taken.name, taken.sha1, flag(request, "rebase"), flag(request, "fix"), taken.location
        )
        task = await desk.task(
            "update_release",
            "create release",
            msgspec.to_builtins(wanted),
            user=caller.name,
            context_id=caller.context_id,
        )
        return to_task(task)

    @router.post("/releases/export")
    async def export(request: Request) -> Response:
        caller = require(request, desk, ADMIN)
        body = await json_object(request)
        keys = ("deployment_name", "release_name", "release_version", "stemcell_os", "stemcell_version")
        given = [str(body.get(key) or "") for key in keys]
        for key, value in zip(keys, given, strict=True):
            if not value:
                raise BadRequest(f"'{key}' is required", code=40001, remedy=f"Send {', '.join(keys)}")
        jobs = tuple(str(one.get("name") or "") for one in hashes(body, "jobs"))
        wanted = ExportRequest(*given, sha2=body.get("sha2") is True, jobs=jobs)
        await require_deployment(store, wanted.deployment)
        task = await desk.task(
            "export_release",
            f"export release: '{wanted.name}/{wanted.version}' for '{wanted.stemcell}'",
            msgspec.to_builtins(wanted),
            deployment=wanted.deployment,
            user=caller.name,
            context_id=caller.context_id,
        )
        return to_task(task)

    @router.get("/releases/{name}")
    async def release(request: Request, name: str) -> Response:
        require(request, desk, RELEASES)
        rows = await store.find(ReleaseRow, name=name)
        if not rows:
            raise NotFound(f"Release '{name}' doesn't exist", code=30005)
        version = request.query_params.get("version")
        if version is None:
            return json(_overview(rows))
        row = next((one for one in rows if one.version == version), None)
        if row is None:
            raise NotFound(f"Release version '{name}/{version}' doesn't exist", code=30006)
        return json(_inspected(row, await store.find(CompiledPackageRow)))

    @router.delete("/releases/{name}")
    async def delete_release(request: Request, name: str) -> Response:
        caller = require(request, desk, ADMIN)
        version = request.query_params.get("version", "")
        wanted = DeleteReleaseRequest(name, version, flag(request, "force"))
        label = f"delete release: {name}" + (f"/{version}" if version else "")
        task = await desk.task(
            "delete_release", label, msgspec.to_builtins(wanted), user=caller.name, context_id=caller.context_id
        )
        return to_task(task)

    @router.post("/packages/matches")
    async def matches(request: Request) -> Response:
        require(request, desk, RELEASES)
        manifest = await _release_manifest(request)
        held = {one.fingerprint for row in await store.find(ReleaseRow) for one in row.packages if one.blob_id}
        asked = [str(one.get("fingerprint")) for one in hashes(manifest, "packages")]
        return json([one for one in asked if one in held])

    @router.post("/packages/matches_compiled")
    async def matches_compiled(request: Request) -> Response:
        require(request, desk, RELEASES)
        manifest = await _release_manifest(request)
        held = {(row.name, row.fingerprint, row.stemcell) for row in await store.find(CompiledPackageRow)}
        asked = hashes(manifest, "compiled_packages")
        keys = [tuple(str(one.get(key)) for key in ("name", "fingerprint", "stemcell")) for one in asked]
        return json([key[1] for key in keys if key in held])

    @router.get("/stemcells")
    async def stemcells(request: Request) -> Response:
        require(request, desk, STEMCELLS)
        deployments = await store.find(DeploymentBrief)
        rows = [row for row in await store.find(StemcellRow) if row.cid]
        return json([show_stemcell(row, deployments) for row in rows])

    @router.post("/stemcell_uploads")
    async def needed(request: Request) -> Response:
        require(request, desk, (*ADMIN, "bosh.stemcells.upload"))
        stemcell = hash_of(await json_object(request, any_type=True), "stemcell")
        if not stemcell.get("name") or not stemcell.get("version"):
            raise BadRequest("'stemcell' needs 'name' and 'version'", code=40001)
        renamed = await desk.house.clouds.renamed()
        have = {
            renamed.get(row.cpi, row.cpi)
            for row in await store.find(StemcellRow, name=str(stemcell["name"]))
            if row.cid and row.version == str(stemcell["version"])
        }
        return json({"needed": any(name not in have for name in await desk.house.clouds.names())})

    @router.post("/stemcells")
    async def upload_stemcell(request: Request) -> Response:
        caller = require(request, desk, (*ADMIN, "bosh.stemcells.upload"))
        taken = await take_upload(request, desk.house)
        wanted = StemcellRequest(taken.path, taken.name, taken.sha1, flag(request, "fix"), taken.location)
        task = await desk.task(
            "update_stemcell",
            "create stemcell",
            msgspec.to_builtins(wanted),
            user=caller.name,
            context_id=caller.context_id,
        )
        return to_task(task)

    @router.delete("/stemcells/{name}/{version}")
    async def delete_stemcell(request: Request, name: str, version: str) -> Response:
        caller = require(request, desk, ADMIN)
        if not [row for row in await store.find(StemcellRow, name=name) if row.version == version]:
            raise NotFound(f"Stemcell '{name}/{version}' doesn't exist", code=50003)
        wanted = DeleteStemcellRequest(name, version, flag(request, "force"))
        task = await desk.task(
            "delete_stemcell",
            f"delete stemcell: {name}/{version}",
            msgspec.to_builtins(wanted),
            user=caller.name,
            context_id=caller.context_id,
        )
        return to_task(task)

    return router


async def _release_manifest(request: Request) -> Document:
    data, _ = read_yaml(await text_body(request), "release.MF")
    if not isinstance(data, dict):
        raise BadRequest("Manifest doesn't have a usable packages section", code=440001)
    return data


def _versions(rows: list[ReleaseRow], used: set[tuple[str, str]]) -> list[Document]:
    return [
        {
            "version": row.version,
            "commit_hash": row.commit_hash,
            "uncommitted_changes": row.uncommitted_changes,
            "currently_deployed": (row.name, row.version) in used,
            "job_names": [job.name for job in row.jobs],
        }
        for row in sorted(rows, key=lambda row: versions.parse(row.version))
    ]


def _overview(rows: list[ReleaseRow]) -> Document:
    packages = {one.fingerprint: one for row in rows for one in row.packages}
    jobs = {one.fingerprint: one for row in rows for one in row.jobs}
    return {
        "packages": [
            {"name": one.name, "sha1": one.digest, "version": one.version, "dependencies": list(one.dependencies)}
            for one in packages.values()
        ],
        "jobs": [
            {"name": one.name, "sha1": one.digest, "version": one.version, "packages": list(one.packages)}
            for one in jobs.values()
        ],
        "versions": [row.version for row in sorted(rows, key=lambda row: versions.parse(row.version))],
    }


def _inspected(row: ReleaseRow, compiled: list[CompiledPackageRow]) -> Document:
    return {
        "jobs": [
            {
                "name": job.name,
                "blobstore_id": job.blob_id,
                "sha1": job.digest,
                "fingerprint": job.fingerprint,
                "consumes": job.spec.get("consumes") or [],
                "provides": job.spec.get("provides") or [],
            }
            for job in row.jobs
        ],
        "packages": [
            {
                "name": one.name,
                "blobstore_id": one.blob_id or None,
                "sha1": one.digest or None,
                "fingerprint": one.fingerprint,
                "compiled_packages": [
                    {"stemcell": done.stemcell, "sha1": done.digest, "blobstore_id": done.blob_id}
                    for done in compiled
                    if (done.name, done.fingerprint) == (one.name, one.fingerprint)
                ],
            }
            for one in row.packages
        ],
    }


def show_stemcell(row: StemcellRow, deployments: list[DeploymentBrief]) -> Document:
    """A stemcell in one CPI as the API gives it."""
    users = [{"name": one.name} for one in deployments if (row.name, row.version) in one.stemcells]
    return {
        "id": row.id,
        "name": row.name,
        "operating_system": row.operating_system,
        "version": row.version,
        "cid": row.cid,
        "cpi": row.cpi,
        "api_version": row.api_version,
        "deployments": users,
    }
