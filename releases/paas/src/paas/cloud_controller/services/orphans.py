"""Removes at the broker what it may have made though it did not say so. Source: orphan mitigation of the Open Service Broker API."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
import structlog

from paas.cloud_controller.broker.client import Binding, BrokerClient, Instance
from paas.cloud_controller.broker.errors import BrokerError
from paas.cloud_controller.jobs.job import Again, Done, Job, Outcome
from paas.cloud_controller.jobs.queue import enqueue
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import service_brokers
from paas.cloud_controller.services.target import BindingTarget, InstanceTarget
from paas.database.transaction import Transaction

log = structlog.get_logger("orphans")

MOST_SECONDS = 3600
TRIES = 60


def _payload(target: InstanceTarget, broker: str) -> dict[str, Any]:
    instance = target.instance
    return {"broker": broker, "instance": instance.guid, "service": instance.service, "plan": instance.plan, "tries": 0}


async def _broker_of(db: Transaction, name: str) -> str:
    return await db.scalar(sa.select(service_brokers.c.guid).where(service_brokers.c.name == name)) or ""


async def remove_instance_later(db: Transaction, target: InstanceTarget) -> None:
    """Have the instance deprovisioned, however often that must be tried."""
    payload = _payload(target, await _broker_of(db, target.row.broker_name))
    await enqueue(db, "service_instance.remove_orphan", target.row.guid, payload)


async def remove_binding_later(db: Transaction, target: BindingTarget) -> None:
    """Have the binding unbound, however often that must be tried."""
    payload = _payload(target.of, await _broker_of(db, target.of.row.broker_name))
    await enqueue(
        db, "service_credential_binding.remove_orphan", target.row.guid, {**payload, "binding": target.row.guid}
    )


async def work(platform: Platform, job: Job) -> Outcome:
    """The job: until the broker has removed it, or says clearly that it will not."""
    said = job.payload
    async with platform.database.begin() as db:
        select = sa.select(service_brokers).where(service_brokers.c.guid == said["broker"])
        row = (await db.execute(select)).first()
    if row is None:
        return Done()
    secret = platform.sealer.open(row.credentials)
    client = platform.brokers.client(row.name, row.url, secret["username"], secret["password"])
    try:
        state, operation = await _removed(client, said)
        if state == "succeeded":
            return Done()
        # what failed in the background is asked for once more
        return Again(platform.config.broker_poll, {**said, "asked": state != "failed", "operation": operation})
    except BrokerError as error:
        tries = said["tries"] + 1
        log.warning("orphan", broker=row.name, instance=said["instance"], tries=tries, status=error.status)
        if tries >= TRIES:
            return Done([f"What service broker '{row.name}' may have made could not be removed: {error}"])
        after = min(MOST_SECONDS, platform.config.broker_poll * 2 ** min(tries, 12))
        return Again(after, {**said, "tries": tries, "asked": False})


async def _removed(client: BrokerClient, said: dict[str, Any]) -> tuple[str, str]:
    """Asks, or polls what was asked: its state, and the broker's name for it."""
    instance = Instance(said["instance"], said["service"], said["plan"])
    binding = Binding(said["binding"], instance) if "binding" in said else None
    if said.get("asked"):
        operation = said.get("operation", "")
        if binding is not None:
            polled = await client.binding_operation(binding, operation)
        else:
            polled = await client.instance_operation(instance, operation)
        return polled.state, operation
    reply = await (client.unbind(binding) if binding is not None else client.deprovision(instance))
    return ("succeeded" if reply.done else "in progress"), reply.operation


WORKS = {"service_instance.remove_orphan": work, "service_credential_binding.remove_orphan": work}
