"""Heartbeats: what 5,000 agents that beat every 5 s cost the director: ``python -m bench.heartbeats``.

A real director process with its own nats-server (mutual TLS) and 5,000 instances and VMs in its SQLite database; its health monitor is at work,
looking every 2 s, with an agent time-out of 10 s (two beats) in place of 60. Another process sends 1,000 heartbeats a second, evenly, with the
agents' subjects and bodies of 500 bytes. ``core`` is all of the director's processor time over that time, the monitor's included. At half time
50 agents fall silent: ``detection`` is the time from an agent's last beat until the director calls it silent, late when that is later than the
time-out and one and a half looks. False alarms are agents called silent that are not. ``decode``: beats a second that one core takes in, from the
bytes to the state, without the bus.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

from nats.aio.msg import Msg

from bench import past
from bench.beats import beat
from bench.stage import REPOSITORY, Stage, stage
from bench.watched import percentile
from director.adapters.authority import Authority
from director.adapters.bus import names
from director.adapters.bus.heartbeats import Heartbeats

AGENTS, PERIOD, SECONDS, DYING, PATIENCE = 5000, 5.0, 50.0, 50, 10.0
LOOK = 2.0
HEALTH = {"interval": LOOK, "agent_timeout": PATIENCE}
PUBLISHER = "bench.publisher"


class _NoBus:
    """A connection that is never opened: only the receiving end is of interest."""

    def __init__(self) -> None:
        self.received: dict[str, Any] = {}

    def subscribe(self, subject: str, callback: Any) -> None:
        self.received[subject] = callback


def decode(count: int = 200_000, agents: int = AGENTS) -> float:
    """Heartbeats per second of processor time, decode to state."""
    bus = _NoBus()
    heartbeats = Heartbeats(bus)  # pyright: ignore[reportArgumentType]
    receive = bus.received["hm.agent.heartbeat.*"]
    messages = [
        Msg(_client=None, subject=f"hm.agent.heartbeat.agent-{number:05d}", data=beat(number))  # pyright: ignore[reportArgumentType]
        for number in range(agents)
    ]

    async def take() -> float:
        began = time.process_time()
        for number in range(count):
            await receive(messages[number % agents])
        return time.process_time() - began

    spent = asyncio.run(take())
    assert len(heartbeats.heard()) == agents
    return count / spent


def measure(*, agents: int = AGENTS, seconds: float = SECONDS, dying: int = DYING) -> dict[str, Any]:
    """Share of a core, detections in seconds, false alarms, and the rate that a core could take."""
    with stage({"agents": False}, own={"health": HEALTH}) as here:
        with here.halted():
            ids = past.plant_vms(here.database, agents, now=time.time())
        here.http.put("/resurrection", json={"resurrection_paused": True})
        given = _given(here, ids, seconds, dying)
        publisher = subprocess.Popen(
            [sys.executable, "-m", "bench.beats"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
        assert publisher.stdin is not None and publisher.stdout is not None
        publisher.stdin.write(json.dumps(given))
        publisher.stdin.close()
        time.sleep(6)  # connected, and each agent heard once
        span = seconds / 2 - 7
        busy = _core(here, span)
        silent = _watch(here, publisher)
        told = json.loads(publisher.stdout.read())
        publisher.wait(30)
        detections = [silent[one] - last for one, last in told["last"].items() if one in silent]
        false = sorted(silent.keys() - told["last"].keys())
        return {
            "agents": agents,
            "per_second": round(agents / PERIOD),
            "core": round(busy, 4),
            "sent": told["sent"],
            "publisher_late_seconds": round(told["late"], 3),
            "silent": len(given["dying"]),
            "detected": len(detections),
            "detection_seconds": {
                "p50": round(statistics.median(detections), 2) if detections else None,
                "p99": round(percentile(detections, 0.99), 2) if detections else None,
            },
            "late_detections": round(
                sum(one > PATIENCE + 1.5 * LOOK for one in detections) / max(len(detections), 1), 4
            ),
            "false_alarms": len(false),
            "decode_per_core_second": round(decode(agents=agents)),
            "director_mib": round(here.resident(), 1),
        }


def _given(here: Stage, ids: list[str], seconds: float, dying: int) -> dict[str, Any]:
    """What the publisher is told; the bus learns of it as of another user."""
    bus = here.directory / "bus"
    pair = Authority.load(bus / "nats_ca.pem", bus / "nats_ca.key").issue(PUBLISHER)
    (here.directory / "publisher.pem").write_text(pair.certificate)
    (here.directory / "publisher.key").write_text(pair.private_key)
    nats = here.directory / "state" / "nats"
    for file in nats.glob("*.json"):
        document = json.loads(file.read_text())
        permissions = {"publish": ["hm.agent.heartbeat.*"], "subscribe": ["_INBOX.>"]}
        document["authorization"]["users"].append({"user": names.user(PUBLISHER), "permissions": permissions})
        file.write_text(json.dumps(document))
    for file in nats.glob("*.pid"):
        with suppress(OSError, ValueError):
            os.kill(int(file.read_text()), signal.SIGHUP)
    time.sleep(1)
    return {
        "url": here.bus.replace("nats://", "tls://"),
        "ca": str(bus / "nats_ca.pem"),
        "certificate": str(here.directory / "publisher.pem"),
        "key": str(here.directory / "publisher.key"),
        "agents": ids,
        "dying": ids[:: max(1, len(ids) // dying)][:dying],
        "period": PERIOD,
        "seconds": seconds,
    }


def _core(here: Stage, seconds: float) -> float:
    """The share of a core that the director's process takes."""
    spent, began = here.processor()["director"], time.monotonic()
    time.sleep(seconds)
    return (here.processor()["director"] - spent) / (time.monotonic() - began)


def _watch(here: Stage, publisher: subprocess.Popen[str]) -> dict[str, float]:
    """When each agent was first called silent, by id, until the publisher has ended."""
    seen: dict[str, float] = {}
    while publisher.poll() is None:
        status = here.get("/health")
        for name in next((one["silent"] for one in status["deployments"] if one["name"] == "crowd"), []):
            seen.setdefault(name.partition("/i-")[2], time.time())
        time.sleep(0.2)
    return seen


def main(words: list[str]) -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description="What heartbeats cost the director.")
    parser.add_argument("--agents", type=int, default=AGENTS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args(words)
    print(json.dumps(measure(agents=options.agents, seconds=options.seconds), indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
