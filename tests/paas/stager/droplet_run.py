"""A droplet that runs, in a container of the same stack, as a cell starts it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import httpx2
from paas.containers.protocol import Create, Limits

from tests.paas.stager.staging_place import Outcome, StagingPlace

PORT = 8080
START = """\
export HOME=/home/vcap/app DEPS_DIR=/home/vcap/deps PORT=8080
for file in /home/vcap/.profile.d/*.sh /home/vcap/app/.profile.d/*.sh; do [ -f "$file" ] && . "$file"; done
cd "$HOME" && exec bash -c "$COMMAND"
"""


async def answer_of(place: StagingPlace, outcome: Outcome, path: str = "/") -> str:
    """What its ``web`` process answers, once it does."""
    droplet = Path(place.directory) / f"run-{uuid4().hex}.tgz"
    droplet.write_bytes(outcome.droplet)
    limits = Limits(memory_mb=256, disk_mb=256, pids=64)
    create = Create(handle=f"run-{uuid4().hex[:8]}", rootfs=place.config["stacks"]["cflinuxfs-deb12"], limits=limits)
    container = await place.warden.client.create(create)
    try:
        await container.copy_in(str(droplet), "/home/vcap", unpack=True)
        process = await container.script(START, env={"COMMAND": outcome.reply.process_types["web"]})
        async with httpx2.AsyncClient(trust_env=False) as client, asyncio.timeout(60):
            while True:
                try:
                    return (await client.get(f"http://{container.container_ip}:{PORT}{path}")).text
                except httpx2.TransportError:
                    ended = [one.exit for one in (await container.info()).processes if one.exit]
                    if ended:
                        lines = [line.text async for batch in process.output() for line in batch.lines]
                        raise AssertionError(f"{ended}: {lines}") from None
                    await asyncio.sleep(0.05)
    finally:
        droplet.unlink()
        await container.destroy()
