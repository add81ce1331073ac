"""The Redis service on one node."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from paas.services.node.instance import Binding, Instance
from paas.services.node.service import Service, ServiceError
from paas.services.redis.config import RedisConfig
from paas.services.redis.resp import RedisError
from paas.services.redis.server import RedisServer

START_SECONDS = 15
"""While a node starts, one instance that does not come up holds up the others no longer than this."""


class RedisService(Service):
    """One server per instance."""

    def __init__(self, config: RedisConfig) -> None:
        self._config = config
        self._servers: dict[str, RedisServer] = {}

    async def start(self, instances: list[Instance]) -> None:
        """Start each instance's server, or adopt it; one that does not come up is tried again and holds up nobody."""
        servers = [self._server(one) for one in instances]
        await asyncio.gather(*(self._try(one) for one in servers))

    async def stop(self) -> None:
        """All servers write what they hold and end."""
        await asyncio.gather(*(server.down() for server in self._servers.values()))

    async def make(self, instance: Instance) -> dict[str, Any]:
        """A server of its own."""
        server = self._server(instance)
        await server.up()
        return {"host": self._config.host, "port": server.port}

    async def remove(self, instance: Instance) -> None:
        """The server and its files."""
        await self._server(instance).remove()
        self._servers.pop(instance.name, None)

    async def bind(self, instance: Instance, binding: Binding) -> dict[str, Any]:
        """A user of its own."""
        server = self._server(instance)
        with _refusals(instance):
            await server.admit(binding)
        host, user, password = self._config.host, binding.username, binding.password
        scheme = "rediss" if self._config.certificate else "redis"
        return {
            "host": host,
            "port": server.port,
            "username": user,
            "password": password,
            "name": instance.name,
            "uri": f"{scheme}://{user}:{password}@{host}:{server.port}/0",
            **self._config.trust(),
        }

    async def unbind(self, instance: Instance, binding: Binding) -> None:
        """The user goes, with its connections."""
        with _refusals(instance):
            await self._server(instance).dismiss(binding)

    def _server(self, instance: Instance) -> RedisServer:
        if (server := self._servers.get(instance.name)) is None:
            server = self._servers[instance.name] = RedisServer(self._config, instance)
        server.instance = instance
        return server

    async def _try(self, server: RedisServer) -> None:
        with contextlib.suppress(ServiceError):
            await server.up(START_SECONDS)


@contextlib.contextmanager
def _refusals(instance: Instance):
    try:
        yield
    except RedisError as error:
        raise ServiceError(f"Redis refuses on instance {instance.name}: {error}") from None
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        raise ServiceError(f"the Redis server of instance {instance.name} is away; it is being started again") from None
