"""One connection to the bus with one identity, kept up for ever."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from director.adapters.bus.clock import BusClock
from director.model.bus_urls import bus_urls
from director.model.errors import DirectorError, Place

CONNECT_TIMEOUT = 2
PING_INTERVAL = 5
REOPEN_PAUSE = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BusIdentity:
    """Paths of PEM files: what we trust, and who we are."""

    server_ca: Path
    certificate: Path
    private_key: Path

    def context(self) -> ssl.SSLContext:
        """Raises an error that names the file at fault."""
        try:
            context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(self.server_ca))
        except (OSError, ssl.SSLError) as error:
            raise _unusable(self.server_ca, error) from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(str(self.certificate), str(self.private_key))
        except (OSError, ssl.SSLError) as error:
            missing = next((one for one in (self.certificate, self.private_key) if not one.is_file()), self.certificate)
            raise _unusable(missing, error) from None
        return context


class Connection:
    """Connects when first used, and then for ever: to any of the servers (and those that they name), again when one is lost, and anew when
    a server has thrown it out. Subscriptions survive all that. ``mbus`` names one server or several."""

    def __init__(self, mbus: str, identity: BusIdentity, *, name: str, connect_timeout: float = 30) -> None:
        self._urls = [_tls(url) for url in bus_urls(mbus)]
        self._identity = identity
        self._name = name
        self._connect_timeout = connect_timeout
        self._subscriptions: list[tuple[str, Callable[[Msg], Awaitable[None]]]] = []
        self._client: Client | None = None
        self._opening = asyncio.Lock()
        self._reopening: asyncio.Task[None] | None = None
        self._closing = False
        self.clock = BusClock()
        self.on_back: list[Callable[[], None]] = []
        """Called when the connection is there again after a loss: what was sent just before may have gone with it."""

    def subscribe(self, subject: str, callback: Callable[[Msg], Awaitable[None]]) -> None:
        """Before the first use."""
        self._subscriptions.append((subject, callback))

    async def client(self) -> Client:
        """The open client. Raises `DirectorError` when no server can be reached in time."""
        if self._client is not None and not self._client.is_closed:
            return self._client
        async with self._opening:
            if self._client is None or self._client.is_closed:
                self._client = await self._open()
            return self._client

    async def answers(self, seconds: float = 5) -> bool:
        """Whether the server answers a ping on the connection that is open."""
        client = self._client
        if client is None or not client.is_connected:
            return False
        try:
            await client.flush(timeout=max(1, int(seconds)))
        except (NatsError, OSError):
            return False
        return True

    @property
    def is_up(self) -> bool:
        """Whether what is sent now reaches a server."""
        return self._client is not None and self._client.is_connected

    async def close(self) -> None:
        self._closing = True
        if self._reopening is not None:
            self._reopening.cancel()
            await asyncio.gather(self._reopening, return_exceptions=True)
        if self._client is not None and not self._client.is_closed:
            await self._client.close()
        self._client = None

    async def _open(self) -> Client:
        context = self._identity.context()
        last: list[Exception] = []

        async def failed(error: Exception) -> None:
            last[:] = [error]
            _log.debug("bus %s: %s", self._name, error)

        async def lost() -> None:
            if not self._closing:
                self.clock.lost()
                _log.warning("bus %s: connection lost, trying %s", self._name, ", ".join(self._urls))

        async def back() -> None:
            self._tell_back()

        async def closed() -> None:
            if not self._closing and self._client is not None:
                self.clock.lost()
                self._reopening = asyncio.create_task(self._reopen(), name=f"bus-{self._name}")

        try:
            async with asyncio.timeout(self._connect_timeout):
                client = await nats.connect(
                    self._urls,
                    name=self._name,
                    tls=context,
                    error_cb=failed,
                    disconnected_cb=lost,
                    reconnected_cb=back,
                    closed_cb=closed,
                    connect_timeout=CONNECT_TIMEOUT,
                    reconnect_time_wait=0.25,  # pyright: ignore[reportArgumentType]  # seconds; fractions are fine
                    max_reconnect_attempts=-1,
                    ping_interval=PING_INTERVAL,
                    max_outstanding_pings=1,
                )
        except (TimeoutError, OSError, NatsError) as error:
            cause = last[0] if last else error
            raise DirectorError(
                f"Cannot connect to NATS at {', '.join(self._urls)}: {str(cause) or type(cause).__name__}",
                place=Place(path="/mbus"),
                remedy="Check mbus, the nats.* certificates, and that the server lets this identity in.",
            ) from error
        for subject, callback in self._subscriptions:
            await client.subscribe(subject, cb=callback, pending_msgs_limit=-1, pending_bytes_limit=-1)
        await client.flush()
        return client

    async def _reopen(self) -> None:
        """A server that refuses this identity ends the client for good; what listens must hear again all the same."""
        while True:
            try:
                await self.client()
            except Exception as error:
                _log.warning("bus %s: %s", self._name, error)
                await asyncio.sleep(REOPEN_PAUSE)
            else:
                self._tell_back()
                return

    def _tell_back(self) -> None:
        self.clock.back()
        _log.info("bus %s: connected again", self._name)
        for listener in self.on_back:
            listener()


def _tls(url: str) -> str:
    # with tls:// the client refuses a server that offers no TLS
    parts = urlsplit(url if "//" in url else f"//{url}")
    return f"tls://{parts.hostname}:{parts.port or 4222}"


def _unusable(path: Path, error: Exception) -> DirectorError:
    said = getattr(error, "strerror", None) or str(error)
    return DirectorError(
        f"Cannot use this PEM file for the bus: {said}", place=Place(str(path)), remedy="See nats.* in director.yml."
    )
