"""ssh: let a user's key in on instances, and out again."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec import Struct, convert, field

from director.engine.context import TaskContext
from director.model.deployment import Document
from director.model.rows import InstanceRow
from director.service.house import House
from director.service.instances import addresses_of
from director.service.targets import find_targets


class SshRequest(Struct, frozen=True):
    """As POSTed (director API §5.2): ids that are all digits count as indexes."""

    deployment: str
    command: str
    group: str = ""
    ids: tuple[str, ...] = ()
    params: Document = field(default_factory=dict)
    gateway: Document = field(default_factory=dict)


async def run_ssh(house: House, context: TaskContext) -> str | None:
    """Handler of ``ssh``: one result line with all answers."""
    request = convert(context.task.request, SshRequest)
    rows = await find_targets(house.store, request.deployment, request.group, request.ids)

    async def one(row: InstanceRow) -> dict[str, Any]:
        answer = await house.agents.call(row.agent_id, "ssh", request.command, request.params, log=context.log.debug)
        ips = addresses_of(None, row)
        reply = {**answer, "id": row.id, "index": row.index, "job": row.group, **request.gateway}
        reply.setdefault("ip", ips[0] if ips else None)
        return reply

    context.log.result(list(await asyncio.gather(*(one(row) for row in rows))))
    return None
