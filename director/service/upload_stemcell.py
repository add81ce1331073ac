"""Upload a stemcell: to every CPI that takes its format and lacks it."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
from msgspec import Struct

from director.engine.context import TaskContext
from director.model.actions import CreateStemcell
from director.model.cpi_names import names_of
from director.model.errors import BadRequest
from director.model.plan import Plan, Stage, Unit
from director.model.rows import StemcellRow
from director.plan.sequences import Steps
from director.service.audit import audit
from director.service.download import download
from director.service.formats import read_in_thread
from director.service.house import House
from director.service.stage import StageLog
from director.service.upload_release import spooled
from meristem.formats import digests
from meristem.formats.stemcell_archive import StemcellManifest, open_stemcell


class StemcellRequest(Struct, frozen=True):
    """``path`` is the uploaded file, or where ``location`` (a URL) is fetched to; removed when the task ends. ``name`` is what messages
    call it."""

    path: str
    name: str = "stemcell"
    sha1: str = ""
    fix: bool = False
    location: str = ""


async def run_upload_stemcell(house: House, context: TaskContext) -> str | None:
    """Handler of ``update_stemcell``. The unpacked image is kept below the spool, by task, until the plan has ended."""
    request = msgspec.convert(context.task.request, StemcellRequest)
    path = Path(request.path)
    kept = house.spool / f"stemcell-{context.task.id}"
    async with spooled(path, kept):
        plan = await context.carry_out(lambda: _plan(house, context, request, path, kept))
    await audit(house, context, "create", "stemcell", plan.deployment)
    return f"/stemcells/{plan.deployment}"


async def _plan(house: House, context: TaskContext, request: StemcellRequest, path: Path, kept: Path) -> Plan:
    stage = StageLog(context.log, "Update stemcell", 2 + bool(request.location) + bool(request.sha1))
    if request.location:
        async with stage.task("Downloading remote stemcell"):
            await download(request.location, path)
    if request.sha1:
        async with stage.task("Verifying remote stemcell"):
            await read_in_thread(lambda: digests.verify_file(path, request.sha1, place=request.name, code=50007))
    kept.mkdir(parents=True, exist_ok=True)
    image = kept / "image"
    async with stage.task("Extracting stemcell archive"):
        manifest = await read_in_thread(lambda: _take_image(path, house.spool, request.name, image))
    async with stage.task("Verifying stemcell manifest"):
        takers = await takers_of(house, manifest)
    name = f"{manifest.name}/{manifest.version}"
    units: list[Unit] = []
    renamed = await house.clouds.renamed()
    for cpi in takers:
        row = StemcellRow(
            id=await house.store.next_id("stemcells"),
            name=manifest.name,
            version=manifest.version,
            operating_system=manifest.operating_system,
            cpi=cpi,
            api_version=manifest.api_version,
            digest=manifest.sha1,
            formats=manifest.formats,
        )
        held = [await house.store.get(StemcellRow, f"{name}/{one}") for one in names_of(cpi, renamed)]
        if not request.fix and any(one is not None and one.cid for one in held):
            continue
        steps = Steps(f"stemcell/{cpi or 'default'}")
        create = CreateStemcell(
            object_key=f"stemcell-{row.id}",
            image_path=str(image),
            cloud_properties=manifest.cloud_properties,
            row=msgspec.to_builtins(row),
        )
        steps.add(create, f"Uploading stemcell {name} to the cloud")
        units.append(Unit(f"stemcell/{cpi or 'default'}", f"Uploading stemcell {name} to the cloud", tuple(steps.list)))
    return Plan(name, (Stage("stemcell", "Update stemcell", tuple(units), width=4),) if units else ())


async def takers_of(house: House, manifest: StemcellManifest) -> list[str]:
    """CPIs that take one of the stemcell's formats (unstated on either side: taken as supported); 50008 when none does."""
    names = await house.clouds.names()
    offered: dict[str, tuple[str, ...]] = {}
    for name in names:
        offered[name] = (await (await house.clouds.get(name)).info()).stemcell_formats
    takers = [
        name
        for name, formats in offered.items()
        if not formats or not manifest.formats or set(formats) & set(manifest.formats)
    ]
    if not takers:
        known = "; ".join(f"{name or 'default'}: {', '.join(formats)}" for name, formats in offered.items())
        raise BadRequest(
            f"The stemcell '{manifest.name}/{manifest.version}' is not supported by any of the configured CPIs (its formats: {', '.join(manifest.formats)})",
            code=50008,
            remedy=f"The CPIs take {known}",
        )
    return takers


def _take_image(path: Path, spool: Path, name: str, image: Path) -> StemcellManifest:
    with open_stemcell(path, spool, name=name) as stemcell:
        shutil.move(stemcell.image, image)
        return stemcell.manifest
