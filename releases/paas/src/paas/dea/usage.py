"""What instances use: sampled with each heartbeat, so that CPU can be told as a share."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

from paas.containers.client import ContainerError, WardenAwayError
from paas.dea.instances import Instance, Sample
from paas.messages.dea import Stats, Usage

FRESH_SECONDS = 2.0


async def sample(instance: Instance) -> None:
    """Ask the warden, unless it was asked a moment ago."""
    before = instance.sample
    if instance.container is None or (before and time.time() - before.at < FRESH_SECONDS):
        return
    try:
        details = await instance.container.info()
    except (ContainerError, WardenAwayError):
        return
    now = time.time()
    since, spent = (before.at, before.cpu_ns) if before else (instance.record.begun_at, 0)
    cpu = max(details.cpu_ns - spent, 0) / 1e9 / max(now - since, 0.001)
    instance.sample = Sample(at=now, cpu_ns=details.cpu_ns, cpu=cpu, memory=details.memory, disk=details.disk)


async def sample_all(instances: list[Instance]) -> None:
    """Of all that run."""
    await asyncio.gather(*(sample(one) for one in instances if one.record.state in ("RUNNING", "EVACUATING")))


def stats(instance: Instance, ip: str) -> Stats:
    """Of one that runs; zeros where nothing was sampled yet."""
    record = instance.record
    seen = instance.sample or Sample(at=time.time(), cpu_ns=0, cpu=0, memory=0, disk=0)
    stamp = datetime.fromtimestamp(seen.at, UTC).isoformat().replace("+00:00", "Z")
    return Stats(
        name=record.name,
        uris=record.uris,
        host=ip,
        port=record.host_port,
        uptime=max(time.time() - record.begun_at, 0) if record.begun_at else 0,
        mem_quota=record.limits.mem << 20,
        disk_quota=record.limits.disk << 20,
        fds_quota=record.limits.fds,
        usage=Usage(time=stamp, cpu=seen.cpu, mem=seen.memory, disk=seen.disk),
    )
