"""The agent's connection to NATS: for ever, one identity, one subject."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import ssl
from collections.abc import Awaitable, Callable

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

log = logging.getLogger(__name__)

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0
_PING_INTERVAL = 20
_LOOK = 30
_FAREWELL = 10


class Connection:
    """Connects, listens on ``agent.<agent_id>``, and begins anew whenever the connection ends."""

    def __init__(
        self,
        servers: list[str],
        tls: ssl.SSLContext,
        agent_id: str,
        on_request: Callable[[bytes], Awaitable[None]],
        on_connect: Callable[[], Awaitable[None]],
    ) -> None:
        # With tls:// the client refuses a server that offers no TLS.
        self._servers = [f"tls://{server.partition('://')[2]}" for server in servers]
        self._tls = tls
        self._agent_id = agent_id
        self._on_request = on_request
        self._on_connect = on_connect
        self._client: Client | None = None

    @property
    def connected(self) -> bool:
        return self._client is not None and self._client.is_connected

    async def publish(self, subject: str, payload: bytes) -> bool:
        """True once the server has taken it; False if there is no connection."""
        client = self._client
        if client is None or not client.is_connected:
            return False
        try:
            await client.publish(subject, payload)
            await client.flush(timeout=10)
        except (nats.errors.Error, OSError, asyncio.TimeoutError) as error:
            log.warning("publishing to %s failed: %s", subject.split(".")[0], error)
            return False
        return True

    async def run(self) -> None:
        """Stay connected until cancelled. Failures are logged; the pause grows to ten seconds."""
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._session()
                pause = _FIRST_PAUSE
            except (nats.errors.Error, OSError, asyncio.TimeoutError) as error:
                log.warning("no connection to the bus (%s); next try in about %.1f s", error or type(error), pause)
            except Exception:
                # an agent that gave up here would be lost to its director
                log.exception("the client of the bus failed; next try in about %.1f s", pause)
            # Spread: a server that comes back must not meet all its agents at once.
            await asyncio.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311 (no secret)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _session(self) -> None:
        closed = asyncio.Event()

        async def on_closed() -> None:
            closed.set()

        async def on_error(error: Exception) -> None:
            log.warning("bus: %s", error)

        async def on_message(message: Msg) -> None:
            await self._on_request(message.data)

        client = Client()
        await client.connect(
            self._servers,
            name=self._agent_id,
            tls=self._tls,
            allow_reconnect=False,
            connect_timeout=5,
            ping_interval=_PING_INTERVAL,
            max_outstanding_pings=2,
            closed_cb=on_closed,
            error_cb=on_error,
        )
        try:
            await client.subscribe(  # pyright: ignore[reportUnknownMemberType]
                f"agent.{self._agent_id}", cb=on_message
            )
            await client.flush(timeout=10)
            self._client = client
            log.info("connected to the bus as agent %s", self._agent_id)
            await self._on_connect()
            while not client.is_closed:
                # told only once the socket has closed, and a peer that is gone may never confirm that
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(closed.wait(), _LOOK)
            log.warning("the connection to the bus has ended")
        finally:
            self._client = None
            if not client.is_closed:
                await asyncio.wait_for(client.close(), _FAREWELL)
