"""Statistics of instances: what the DEAs tell at this moment, and the last crash of those that nobody runs."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from paas.bus.client import Bus
from paas.cloud_controller.api.call import Call, answer, empty
from paas.cloud_controller.api.errors import not_found
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.outbox.put import start_instances, stop_instances
from paas.cloud_controller.processes.endpoints import both
from paas.cloud_controller.processes.find import the_process
from paas.cloud_controller.schema import crashes
from paas.messages.dea import Find, Found

RANK = {"RUNNING": 0, "EVACUATING": 1, "STARTING": 2, "BORN": 3, "CRASHED": 4}
"""Of several instances with one index the first of these counts."""
SHOWN = {
    "RUNNING": "RUNNING",
    "EVACUATING": "RUNNING",
    "STARTING": "STARTING",
    "BORN": "STARTING",
    "CRASHED": "CRASHED",
}
ENOUGH = ("RUNNING", "EVACUATING", "STARTING", "BORN")


async def find_instances(
    bus: Bus, process: str, version: str, wanted: int, seconds: float, *, stats: bool = True
) -> dict[int, Found]:
    """The best answer for each index, as soon as all indices are answered for, or after `seconds`."""
    if wanted == 0:
        return {}
    question = Find(droplet=process, version=version, include_stats=stats)
    answers = await bus.gather("dea.find.droplet", question, Found, seconds, most=wanted)
    best: dict[int, Found] = {}
    for one in sorted(answers, key=lambda one: (RANK.get(one.state, 9), -one.state_timestamp)):
        if one.state in RANK and one.index < wanted:
            best.setdefault(one.index, one)
    return best


async def stats(call: Call) -> Response:
    """Of each instance; 503 while the bus is away: then nothing is known of any."""
    async with call.platform.database.begin() as db:
        call.connection = db
        row = await the_process(call)
        crashed = {
            one.position: one
            for one in await db.execute(
                sa.select(crashes).where(crashes.c.process_guid == row.guid, crashes.c.version == row.version)
            )
        }
    found: dict[int, Found] = {}
    if row.app_state == "STARTED":
        seconds = call.platform.config.intervals.find
        found = await find_instances(call.platform.bus, row.guid, row.version, row.instances, seconds)
    wanted = row.instances if row.app_state == "STARTED" else 0
    resources = [_one(row, index, found.get(index), crashed.get(index)) for index in range(wanted)]
    return answer({"resources": resources})


def _one(row: sa.Row[Any], index: int, found: Found | None, crash: sa.Row[Any] | None) -> dict[str, Any]:
    if found is None or found.state == "CRASHED":
        state = "CRASHED" if found is not None or crash is not None else "DOWN"
        return {
            "type": row.type,
            "index": index,
            "state": state,
            "routable": False,
            "uptime": 0,
            "usage": {},
            "host": None,
            "instance_ports": [],
            "mem_quota": None,
            "disk_quota": None,
            "log_rate_limit": row.log_rate_limit,
            "fds_quota": 16384,
            "isolation_segment": None,
            "details": (crash.description if crash is not None else "") or row.placement_error or None,
        }
    told = found.stats
    shown = SHOWN[found.state]
    usage = (
        {}
        if told is None
        else {
            "time": told.usage.time,
            "cpu": told.usage.cpu,
            "cpu_entitlement": told.usage.cpu,
            "mem": told.usage.mem,
            "disk": told.usage.disk,
            "log_rate": 0,
        }
    )
    return {
        "type": row.type,
        "index": index,
        "instance_guid": found.instance,
        "state": shown,
        "routable": shown == "RUNNING",
        "usage": usage,
        "host": told.host if told else None,
        "instance_ports": [{"external": told.port, "internal": 8080}] if told and told.port else [],
        "uptime": int(told.uptime) if told else 0,
        "mem_quota": told.mem_quota if told else row.memory_in_mb * 1024 * 1024,
        "disk_quota": told.disk_quota if told else row.disk_in_mb * 1024 * 1024,
        "log_rate_limit": row.log_rate_limit,
        "fds_quota": told.fds_quota if told else 16384,
        "isolation_segment": None,
        "details": None,
    }


async def end_instance(call: Call) -> Response:
    """Stop one, and start another in its place."""
    row = await the_process(call, "operate")
    index = call.path("index")
    if not index.isdecimal() or int(index) >= row.instances or row.app_state != "STARTED":
        raise not_found("Instance")
    await stop_instances(call.db, row.guid, version=row.version, indices=[int(index)])
    await start_instances(call.db, row.guid, row.version, [int(index)])
    await record(
        call.db,
        call.who,
        "audit.app.process.terminate_instance",
        Target("app", row.app_guid, row.app_name),
        space=row.space_guid,
        data={"process_guid": row.guid, "process_type": row.type, "process_index": int(index)},
    )
    return empty()


ENDPOINTS = [
    *both("GET", "/stats", stats, transaction=False),
    *both("DELETE", "/instances/{index}", end_instance),
]
