"""External services as a broker: nothing is made anywhere, what was recorded is handed out."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from paas.database.engine import Database
from paas.database.transaction import Transaction
from paas.services.external.schema import bindings, instances
from paas.services.osb.broker import Answer
from paas.services.osb.catalog import Catalog
from paas.services.osb.errors import BrokerError, conflict, malformed
from paas.services.osb.requests import BindRequest, ProvisionRequest, UpdateRequest


class ExternalBroker:
    """See `paas.services.osb.broker`. All is done at once: no operation is ever under way."""

    def __init__(self, catalog: Catalog, database: Database) -> None:
        self.catalog = catalog
        self._database = database

    async def fit(self) -> str:
        """The database answers."""
        try:
            await self._database.ready()
        except SQLAlchemyError:
            return "the database is away"
        return ""

    async def provision(self, id: str, asked: ProvisionRequest, incomplete: bool) -> Answer:
        """Note that the platform has it."""
        _none(asked.parameters)
        values = {"id": id, "service_id": asked.service_id, "plan_id": asked.plan_id, "digest": asked.digest()}

        async def note(tx: Transaction) -> Answer:
            made = insert(instances).values(values).on_conflict_do_nothing().returning(instances.c.id)
            if (await tx.execute(made)).first() is not None:
                return Answer(201, {})
            if await tx.scalar(sa.select(instances.c.digest).where(instances.c.id == id)) != asked.digest():
                raise conflict(f"Service instance '{id}' exists already and is another.")
            return Answer(200, {})

        return await self._database.run(note)

    async def update(self, id: str, asked: UpdateRequest) -> Answer:
        """No plan can be changed to another."""
        _none(asked.parameters)
        row = await self._instance(id)
        if asked.plan_id and asked.plan_id != row.plan_id:
            said = "An instance of this service keeps its plan; create one of the other plan."
            raise BrokerError(422, said)
        return Answer(200, {})

    async def deprovision(self, id: str, incomplete: bool) -> Answer:
        """Forget it."""
        return await self._drop(sa.delete(instances).where(instances.c.id == id))

    async def instance(self, id: str) -> Answer:
        """What was noted."""
        row = await self._instance(id)
        return Answer(200, {"service_id": row.service_id, "plan_id": row.plan_id, "parameters": {}})

    async def last_operation(self, id: str, operation: str) -> Answer:
        """It has ended."""
        found = await self._find(sa.select(instances.c.id).where(instances.c.id == id))
        return Answer(410, {}) if found is None else Answer(200, {"state": "succeeded"})

    async def bind(self, instance: str, id: str, asked: BindRequest) -> Answer:
        """The plan's credentials."""
        _none(asked.parameters)
        row = await self._instance(instance)
        values = {"id": id, "instance_id": instance, "digest": asked.digest()}

        async def note(tx: Transaction) -> int:
            made = insert(bindings).values(values).on_conflict_do_nothing().returning(bindings.c.id)
            if (await tx.execute(made)).first() is not None:
                return 201
            query = sa.select(bindings.c.instance_id, bindings.c.digest).where(bindings.c.id == id)
            if tuple((await tx.execute(query)).one()) != (instance, asked.digest()):
                raise conflict(f"Service binding '{id}' exists already and is another.")
            return 200

        return Answer(await self._database.run(note), self._credentials(row))

    async def unbind(self, instance: str, id: str) -> Answer:
        """Forget it."""
        mine = (bindings.c.id == id) & (bindings.c.instance_id == instance)
        return await self._drop(sa.delete(bindings).where(mine))

    async def binding(self, instance: str, id: str) -> Answer:
        """The plan's credentials, as they are now."""
        mine = (bindings.c.id == id) & (bindings.c.instance_id == instance)
        if await self._find(sa.select(bindings.c.id).where(mine)) is None:
            raise BrokerError(404, f"There is no service binding '{id}'.")
        return Answer(200, {**self._credentials(await self._instance(instance)), "parameters": {}})

    def _credentials(self, row: sa.Row[Any]) -> dict[str, Any]:
        plan = self.catalog.find(row.service_id, row.plan_id)
        if plan is None:
            raise malformed("The plan of this instance is no longer offered.")
        drain = plan.credentials.get("syslog_drain_url")
        return {"credentials": plan.credentials} | ({"syslog_drain_url": drain} if drain else {})

    async def _instance(self, id: str) -> sa.Row[Any]:
        found = await self._find(sa.select(instances).where(instances.c.id == id))
        if found is None:
            raise BrokerError(404, f"There is no service instance '{id}'.")
        return found

    async def _find(self, query: sa.Select[Any]) -> sa.Row[Any] | None:
        async def look(tx: Transaction) -> sa.Row[Any] | None:
            return (await tx.execute(query)).first()

        return await self._database.run(look)

    async def _drop(self, statement: sa.Delete) -> Answer:
        async def drop(tx: Transaction) -> Answer:
            return Answer(200 if (await tx.execute(statement)).rowcount else 410, {})

        return await self._database.run(drop)


def _none(parameters: dict[str, Any] | None) -> None:
    if parameters:
        raise malformed(f"parameters.{next(iter(parameters))} is not known; this service takes none.")
