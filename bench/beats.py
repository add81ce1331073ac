"""Heartbeats of many agents, told by a process of its own: ``python -m bench.beats < JSON``.

Each agent beats once in ``period`` seconds, at its own place in it, so that the messages come evenly. One connection tells all of them (5,000
connections would burden the bus and this process; the director sees the same). The ``dying`` fall silent at half time, one by one; when, is told
on standard output at the end.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from typing import Any

import nats


def beat(number: int) -> bytes:
    """A heartbeat as agents send it (agent protocol §7)."""
    vitals = {
        "cpu": {"sys": "0.3", "user": "1.2", "wait": "0.0"},
        "mem": {"percent": "12", "kb": "520124"},
        "swap": {"percent": "0", "kb": "0"},
        "load": ["0.01", "0.05", "0.04"],
        "disk": {name: {"percent": "42", "inode_percent": "31"} for name in ("system", "ephemeral", "persistent")},
        "uptime": {"secs": 86400 + number},
    }
    return json.dumps(
        {
            "deployment": "crowd",
            "job": "web",
            "index": number,
            "job_state": "running",
            "node_id": f"i-{number}",
            "vitals": vitals,
            "number_of_processes": 3,
        }
    ).encode()


async def run(given: dict[str, Any]) -> dict[str, Any]:
    """Beat for ``seconds``; how many were sent, how late they were, and when each of the dying was last heard."""
    context = ssl.create_default_context(cafile=given["ca"])
    context.load_cert_chain(given["certificate"], given["key"])
    client = await nats.connect(given["url"], tls=context)
    agents: list[str] = given["agents"]
    dying = set(given["dying"])
    period, seconds = given["period"], given["seconds"]
    bodies = [(f"hm.agent.heartbeat.{one}", beat(number)) for number, one in enumerate(agents)]
    last: dict[str, float] = {}
    began, number, late = time.perf_counter(), 0, 0.0
    while time.perf_counter() - began < seconds:
        due = int((time.perf_counter() - began) / period * len(agents))
        late = max(late, (due - number) * period / len(agents))
        while number < due:
            place = number % len(agents)
            number += 1
            if agents[place] in dying and time.perf_counter() - began > seconds / 2:
                continue
            await client.publish(*bodies[place])
            if agents[place] in dying:
                last[agents[place]] = time.time()
        await client.flush()
        await asyncio.sleep(0.002)
    await client.close()
    return {"sent": number, "late": late, "last": last}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(json.load(sys.stdin)))))
