"""What a DEA knows of an instance, kept on disk so that a new agent finds it. Nothing secret: environment and services are not in it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from uuid import uuid4

import msgspec

from paas.messages.dea import Beat, Exited, HealthCheck, Limits, Reason, Start, State

LIVE: frozenset[State] = frozenset(("BORN", "STARTING", "RUNNING", "STOPPING", "EVACUATING"))


class Record(msgspec.Struct, kw_only=True):
    """One instance; `instance` names it, and its container. `cursor`: what of its output has been sent."""

    droplet: str
    app: str
    version: str
    instance: str
    index: int
    name: str
    uris: list[str]
    cc_partition: str
    process_type: str
    limits: Limits
    health_check: HealthCheck
    state: State = "BORN"
    state_timestamp: float = 0
    begun_at: float = 0
    process: str = ""
    container_ip: str = ""
    host_port: int = 0
    cursor: str = ""
    told: bool = False
    task: bool = False

    def turn(self, state: State) -> None:
        """Be in another state from now on."""
        self.state = state
        self.state_timestamp = time.time()

    def beat(self) -> Beat:
        """Its place in a heartbeat."""
        return Beat(
            droplet=self.droplet,
            version=self.version,
            instance=self.instance,
            index=self.index,
            state=self.state,
            state_timestamp=self.state_timestamp,
            cc_partition=self.cc_partition,
            task=self.task,
        )

    @property
    def source(self) -> str:
        """As what it speaks in the app's log."""
        return f"APP/TASK/{self.name}" if self.task else f"APP/PROC/{self.process_type.upper()}"

    def exited(self, reason: Reason, status: int = 0, description: str = "") -> Exited:
        """That it has ended."""
        return Exited(
            droplet=self.droplet,
            version=self.version,
            instance=self.instance,
            index=self.index,
            reason=reason,
            exit_status=status,
            exit_description=description,
            crash_timestamp=time.time() if reason == "CRASHED" else 0,
            cc_partition=self.cc_partition,
            task=self.task,
        )


def born(start: Start) -> Record:
    """The record of an instance that shall be started."""
    record = Record(
        droplet=start.droplet,
        app=start.app or start.droplet,
        version=start.version,
        instance=uuid4().hex,
        index=start.index,
        name=start.name,
        uris=[] if start.task else start.uris,
        cc_partition=start.cc_partition,
        process_type=start.process_type,
        limits=start.limits,
        health_check=HealthCheck(type="process") if start.task else start.health_check,
        task=start.task,
    )
    record.turn("BORN")
    return record


class _Snapshot(msgspec.Struct):
    instances: list[Record]


def load(file: Path) -> list[Record]:
    """What an earlier agent knew; nothing where there is no file, or none that can be read."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Snapshot).instances
    except (OSError, msgspec.MsgspecError):
        return []


def save(file: Path, records: list[Record]) -> None:
    """Write it so that it is there whole or not at all."""
    fresh = file.with_suffix(".new")
    with fresh.open("wb") as out:
        out.write(msgspec.json.encode(_Snapshot(records)))
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)
