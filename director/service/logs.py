"""Fetch logs: each agent packs and sends its own; several instances make one archive."""

from __future__ import annotations

import asyncio
import tarfile
import time
import uuid
from pathlib import Path

from msgspec import Struct, convert

from director.engine.context import TaskContext
from director.model.rows import InstanceRow, VmRow
from director.service.house import House
from director.service.stage import StageLog
from director.service.targets import find_targets


class LogsRequest(Struct, frozen=True):
    """``types``: job, agent, system; ``filters``: globs below the log directory."""

    deployment: str
    group: str = "*"
    instance: str = "*"
    types: tuple[str, ...] = ("job",)
    filters: tuple[str, ...] = ()


async def run_fetch_logs(house: House, context: TaskContext) -> str | None:
    """Handler of ``fetch_logs``; the task's result is the blob id."""
    request = convert(context.task.request, LogsRequest)
    rows = await find_targets(house.store, request.deployment, request.group, (request.instance,))
    stage = StageLog(context.log, "Fetching logs", len(rows))

    async def fetch(row: InstanceRow) -> tuple[InstanceRow, str]:
        async with stage.task(f"{row.name} ({row.index})"):
            return row, await fetch_logs(house, context, row, ",".join(request.types), list(request.filters))

    fetched = await asyncio.gather(*(fetch(row) for row in rows))
    if len(fetched) == 1:
        return fetched[0][1]
    return await _bundle(house, fetched)


async def fetch_logs(house: House, context: TaskContext, row: InstanceRow, types: str, filters: list[str]) -> str:
    """One instance's logs as a blob: by signed URL for agents that know it (stemcell API 3), else by their own blobstore."""
    vm = await house.store.get(VmRow, row.agent_id)
    key = f"t{context.task.id}/logs/{row.id}"
    if vm is not None and vm.stemcell_api < 3:
        answer = await house.agents.run(row.agent_id, "fetch_logs", types, filters, key=key, log=context.log.debug)
        return str(answer["blobstore_id"])
    blob = str(uuid.uuid4())
    request = {
        "signed_url": house.blobs.sign(blob, "PUT"),
        "log_type": types,
        "filters": filters,
        "blobstore_headers": {},
    }
    await house.agents.run(row.agent_id, "fetch_logs_with_signed_url", request, key=key, log=context.log.debug)
    return blob


async def _bundle(house: House, fetched: list[tuple[InstanceRow, str]]) -> str:
    stamp = time.strftime("%Y-%m-%d-%H-%M-%S", time.gmtime())
    paths = [(row, await house.blobs.path(blob)) for row, blob in fetched]
    target = house.spool / f"logs-{uuid.uuid4()}.tgz"

    def pack() -> None:
        with tarfile.open(target, "w:gz") as tar:
            for row, path in paths:
                tar.add(path, arcname=f"{row.group}.{row.id}.{stamp}.tgz")

    await asyncio.to_thread(pack)
    blob, _ = await house.blobs.put_file(target)
    await asyncio.to_thread(Path.unlink, target, missing_ok=True)
    for _, one in fetched:
        await house.blobs.delete(one)
    return blob
