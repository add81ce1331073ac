"""The PostgreSQL service on one node."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import psycopg

from paas.services.node.instance import Binding, Instance
from paas.services.node.service import Service, ServiceError
from paas.services.postgres import database
from paas.services.postgres.config import PostgresConfig
from paas.services.postgres.engine import Engine
from paas.services.postgres.quota import Quota


class PostgresService(Service):
    """A database per instance in the node's engine."""

    def __init__(self, config: PostgresConfig) -> None:
        self._config = config
        self._engine = Engine(config)
        self._quota = Quota(self._engine)
        self._watch: asyncio.Task[None] | None = None

    async def start(self, instances: list[Instance]) -> None:
        """The engine, and the watch over sizes."""
        await self._engine.up()
        await database.close_own_databases(self._engine)
        self._quota.instances = {one.name: one for one in instances}
        await self._quota.learn()
        self._watch = asyncio.create_task(self._quota.watch(self._config.quota_seconds))

    async def stop(self) -> None:
        """The watch and the engine end."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
        await self._engine.down()

    async def make(self, instance: Instance) -> dict[str, Any]:
        """A database with an owner."""
        async with self._at(instance):
            await database.create(self._engine, instance)
            self._quota.instances[instance.name] = instance
        return {"host": self._config.host, "port": self._config.port}

    async def remove(self, instance: Instance) -> None:
        """The database, its data and its roles."""
        async with self._at(instance):
            await database.drop(self._engine, instance)
            self._quota.forget(instance.name)

    async def bind(self, instance: Instance, binding: Binding) -> dict[str, Any]:
        """A role that may do what the owner may."""
        async with self._at(instance):
            await database.admit(self._engine, instance, binding, instance.name not in self._quota.closed)
            self._quota.instances[instance.name] = instance
        host, port, user, password = self._config.host, self._config.port, binding.username, binding.password
        tls = "?sslmode=require" if self._config.certificate else ""
        return {
            "host": host,
            "port": port,
            "username": user,
            "password": password,
            "name": instance.name,
            "uri": f"postgresql://{user}:{password}@{host}:{port}/{instance.name}{tls}",
            **self._config.trust(),
        }

    async def unbind(self, instance: Instance, binding: Binding) -> None:
        """The role goes; all that was made with it stays."""
        async with self._at(instance):
            await database.dismiss(self._engine, instance, binding)
            self._quota.instances[instance.name] = instance

    @contextlib.asynccontextmanager
    async def _at(self, instance: Instance) -> AsyncGenerator[None]:
        """Not while the quota's watch is at the same instance; the engine's refusals in the service's words."""
        async with self._quota.lock(instance.name):
            try:
                yield
            except psycopg.OperationalError:
                said = f"the engine of database {instance.name} went away; it is being started again"
                raise ServiceError(said) from None
            except psycopg.Error as error:
                said = error.diag.message_primary or type(error).__name__
                raise ServiceError(f"PostgreSQL refuses on database {instance.name}: {said}") from None
