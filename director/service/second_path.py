"""Before a VM is declared dead: its agent is asked over the bus, and its cloud."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog

from director.model.errors import AgentError, CloudError, CloudNotFound, CloudNotSupported, DirectorError
from director.model.rows import VmRow
from director.observe.evidence import CloudSays, Evidence
from director.observe.health import Suspect
from director.ports.cloud import VmStatus
from director.service.house import House

AT_ONCE = 8
AGENT_SECONDS = 10.0

_log: Any = structlog.get_logger(__name__)


async def ask_about(house: House, suspects: Sequence[Suspect]) -> dict[str, Evidence]:
    """By instance id."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(suspect: Suspect) -> Evidence:
        async with gate:
            return await _ask(house, suspect)

    found = await asyncio.gather(*map(one, suspects))
    return {suspect.member.id: evidence for suspect, evidence in zip(suspects, found, strict=True)}


async def _ask(house: House, suspect: Suspect) -> Evidence:
    member = suspect.member
    try:
        await house.agents.call(member.agent_id, "ping", timeout=AGENT_SECONDS)
    except AgentError:
        pass
    else:
        return Evidence(answers=True)
    vm = await house.store.get(VmRow, member.agent_id)
    if vm is None or not vm.cid:
        return Evidence(answers=False, cloud=CloudSays.UNKNOWN)
    try:
        return Evidence(answers=False, cloud=await cloud_says(house, vm))
    except DirectorError as error:
        _log.warning("cloud cannot be asked about a silent VM", vm=vm.cid, instance=member.name, error=error.message)
        return Evidence(answers=False, cloud=CloudSays.UNKNOWN)


async def cloud_says(house: House, vm: VmRow) -> CloudSays:
    """What the cloud knows of a VM. A CPI that cannot be asked whether it exists is taken to say that it does."""
    cloud = await house.clouds.get(vm.cpi)
    try:
        if (await cloud.info()).can_tell:
            return _shown((await cloud.vm_status([vm.cid])).get(vm.cid))
        return CloudSays.THERE if await cloud.has_vm(vm.cid) else CloudSays.GONE
    except CloudNotFound:
        return CloudSays.GONE
    except CloudNotSupported:
        return CloudSays.THERE
    except CloudError:
        return CloudSays.UNKNOWN


def _shown(status: VmStatus | None) -> CloudSays:
    if status is None:
        return CloudSays.UNKNOWN
    if not status.exists:
        return CloudSays.GONE
    return {"on": CloudSays.RUNNING, "off": CloudSays.OFF}.get(status.power, CloudSays.THERE)
