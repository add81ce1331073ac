"""The gateway as a broker: what it accepts is written down; nodes are asked afterwards, or for bindings at once."""

from __future__ import annotations

import uuid
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from paas.bus.client import Bus, NoAnswerError
from paas.database.engine import Database
from paas.database.transaction import Transaction
from paas.messages.services import Done
from paas.sealing.box import Box
from paas.services.gateway import records
from paas.services.gateway.operations import Operations
from paas.services.gateway.orphans import Orphans
from paas.services.gateway.records import InstanceRow
from paas.services.gateway.south import South
from paas.services.osb.broker import Answer
from paas.services.osb.catalog import Catalog
from paas.services.osb.errors import BrokerError, async_required, busy, conflict, malformed
from paas.services.osb.requests import BindRequest, ProvisionRequest, UpdateRequest

STATES = {"creating": "in progress", "deleting": "in progress", "ready": "succeeded", "failed": "failed"}
WORDS = {"creating": "It is being made.", "deleting": "It is being removed."}

log = structlog.get_logger("gateway")


class Gateway:
    """See `paas.services.osb.broker`."""

    def __init__(
        self,
        catalog: Catalog,
        database: Database,
        bus: Bus,
        south: South,
        operations: Operations,
        orphans: Orphans,
        box: Box,
        bind_seconds: float,
    ) -> None:
        self.catalog = catalog
        self._database = database
        self._bus = bus
        self._south = south
        self._operations = operations
        self._orphans = orphans
        self._box = box
        self._bind_seconds = bind_seconds

    async def fit(self) -> str:
        """The database answers and the bus is there."""
        try:
            await self._database.ready()
        except SQLAlchemyError:
            return "the database is away"
        return "" if self._bus.connected else "the bus is away"

    async def provision(self, id: str, asked: ProvisionRequest, incomplete: bool) -> Answer:
        """Write it down, to be made."""
        if asked.parameters:
            raise malformed(f"parameters.{next(iter(asked.parameters))} is not known; this service takes none.")

        async def note(tx: Transaction) -> Answer:
            row = await records.instance(tx, id, lock=True)
            if row is not None and row.state != "failed":
                if row.digest != asked.digest() or row.state == "deleting":
                    raise conflict(f"Service instance '{id}' exists already and is another, or is being removed.")
                if row.state == "ready":
                    return Answer(200, {})
                return Answer(202, {"operation": row.operation})
            if not incomplete:
                raise async_required()
            values = {
                "service_id": asked.service_id,
                "plan_id": asked.plan_id,
                "digest": asked.digest(),
                "state": "creating",
                "operation": f"create:{uuid.uuid4()}",
                "name": records.new_name(),
                "description": "",
            }
            if row is not None:
                await records.change_instance(tx, id, **values, claimed_until=None)
            elif not await records.add_instance(tx, {"id": id, **values}):
                raise busy(f"Service instance '{id}' is being made by another request")
            return Answer(202, {"operation": values["operation"]})

        answer = await self._database.run(note)
        self._operations.wake()
        return answer

    async def update(self, id: str, asked: UpdateRequest) -> Answer:
        """No plan can be changed to another."""
        row = await self._database.run(lambda tx: records.instance(tx, id))
        if row is None:
            raise BrokerError(404, f"There is no service instance '{id}'.")
        if row.state != "ready":
            raise busy(f"Service instance '{id}' has another operation under way, or has failed")
        if asked.parameters:
            raise malformed(f"parameters.{next(iter(asked.parameters))} is not known; this service takes none.")
        if asked.plan_id and asked.plan_id != row.plan_id:
            said = "An instance of this service keeps its plan; create one of the other plan and copy the data to it."
            raise BrokerError(422, said)
        return Answer(200, {})

    async def deprovision(self, id: str, incomplete: bool) -> Answer:
        """Write it down, to be removed."""

        async def note(tx: Transaction) -> Answer:
            row = await records.instance(tx, id, lock=True)
            if row is None:
                return Answer(410, {})
            if not incomplete:
                raise async_required()
            if row.state == "deleting":
                return Answer(202, {"operation": row.operation})
            operation = f"delete:{uuid.uuid4()}"
            # one that is being made is stopped by that: its maker finds another operation and leaves an orphan
            await records.change_instance(tx, id, state="deleting", operation=operation, claimed_until=None)
            return Answer(202, {"operation": operation})

        answer = await self._database.run(note)
        self._operations.wake()
        return answer

    async def instance(self, id: str) -> Answer:
        """Once it is made."""
        row = await self._database.run(lambda tx: records.instance(tx, id))
        if row is None or row.state != "ready":
            raise BrokerError(404, f"There is no service instance '{id}', or it is not made yet.")
        return Answer(200, {"service_id": row.service_id, "plan_id": row.plan_id, "parameters": {}})

    async def last_operation(self, id: str, operation: str) -> Answer:
        """Of an operation that another has followed, only that it is over."""
        row = await self._database.run(lambda tx: records.instance(tx, id))
        if row is None:
            if operation.startswith("create:"):
                raise BrokerError(404, f"There is no service instance '{id}'.")
            return Answer(410, {})
        if operation and operation != row.operation:
            return Answer(200, {"state": "failed", "description": "Another operation took its place."})
        body = {"state": STATES[row.state]}
        if described := row.description or WORDS.get(row.state):
            body["description"] = described
        return Answer(200, body)

    async def bind(self, instance: str, id: str, asked: BindRequest) -> Answer:
        """Ask the node, and keep what it answers."""
        if asked.parameters:
            raise malformed(f"parameters.{next(iter(asked.parameters))} is not known; this service takes none.")

        async def note(tx: Transaction) -> tuple[InstanceRow, str, str]:
            row = await records.instance(tx, instance, lock=True)
            if row is None or row.state == "failed":
                raise malformed(f"There is no service instance '{instance}'.")
            if row.state != "ready":
                raise busy(f"Service instance '{instance}' has another operation under way")
            made = await records.binding(tx, instance, id)
            if made is not None and made.digest != asked.digest():
                raise conflict(f"Service binding '{id}' exists already and is another.")
            if made is not None and made.credentials:
                return row, made.key, made.credentials
            if made is not None and made.claimed:
                raise busy(f"Service binding '{id}' is being made by another request")
            claimed = await records.claim_binding(tx, instance, id, asked.digest(), self._bind_seconds)
            if claimed is None:
                raise conflict(f"Service binding '{id}' exists already for another instance.")
            key, given_up = claimed
            if given_up:
                await records.add_orphan(tx, row.node, row.name, given_up)
            return row, key, ""

        row, key, sealed = await self._database.run(note)
        if sealed:
            return Answer(200, {"credentials": self._box.open_json(sealed, id)})
        return Answer(201, {"credentials": await self._made(row, id, key)})

    async def _made(self, row: InstanceRow, id: str, key: str) -> dict[str, Any]:
        try:
            answer = await self._south.bind(row.node, row.name, key, {})
        except NoAnswerError:
            await self._abandon(row, id, key)
            raise BrokerError(504, f"Node {row.node} does not answer; try again in a minute.") from None
        if not answer.success:
            await self._abandon(row, id, key)
            raise BrokerError(500, answer.error)
        sealed = self._box.seal_json(answer.credentials, id)
        if not await self._database.run(lambda tx: records.keep_credentials(tx, id, key, sealed)):
            await self._orphans.add(row.node, row.name, key)
            raise BrokerError(500, f"Service binding '{id}' was removed while it was being made.")
        log.info("binding_created", instance=row.name, binding=id)
        return answer.credentials

    async def _abandon(self, row: InstanceRow, id: str, key: str) -> None:
        async def note(tx: Transaction) -> None:
            await records.drop_binding(tx, id, key)
            await records.add_orphan(tx, row.node, row.name, key)

        await self._database.run(note)
        self._orphans.wake()

    async def unbind(self, instance: str, id: str) -> Answer:
        """Ask the node; where it does not answer, it is asked again once it is back."""

        async def look(tx: Transaction) -> tuple[InstanceRow | None, records.BindingRow | None]:
            return await records.instance(tx, instance), await records.binding(tx, instance, id)

        row, made = await self._database.run(look)
        if row is None or made is None:
            return Answer(410, {})
        try:
            answer = await self._south.unbind(row.node, row.name, made.key)
        except NoAnswerError:
            answer = Done(success=False)
        if answer.success:
            await self._database.run(lambda tx: records.drop_binding(tx, id, made.key))
        else:
            await self._abandon(row, id, made.key)
        log.info("binding_deleted", instance=row.name, binding=id, at_once=answer.success)
        return Answer(200, {})

    async def binding(self, instance: str, id: str) -> Answer:
        """Once it is made."""
        made = await self._database.run(lambda tx: records.binding(tx, instance, id))
        if made is None or not made.credentials:
            raise BrokerError(404, f"There is no service binding '{id}', or it is not made yet.")
        return Answer(200, {"credentials": self._box.open_json(made.credentials, id), "parameters": {}})
