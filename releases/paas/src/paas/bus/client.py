"""A connection to the bus: messages are typed, a bad one is noted and passed over, a lost server is gone round.

The bus delivers at most once: every message is a hint, and every handler is idempotent. Source: the NATS client protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
import nats
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeout

T = TypeVar("T")
Handler = Callable[["Message[T]"], Awaitable[None]]

log = structlog.get_logger("bus")

FLUSH_SECONDS = 5
NO_RESPONDERS = "503"
"""The server's own answer to a question on a subject that nobody listens on."""


class BusConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach the bus: URLs (``nats://`` or ``tls://``), this component's user, and for TLS the files."""

    servers: list[str]
    user: str = ""
    password: str = ""
    ca: str = ""
    certificate: str = ""
    key: str = ""

    def context(self) -> ssl.SSLContext | None:
        """The TLS context, or None where no CA is given."""
        if not self.ca:
            return None
        context = ssl.create_default_context(cafile=self.ca)
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key)
        return context


class NoAnswerError(Exception):
    """Nobody listens on a subject, or nobody answered in time."""


class NobodyListensError(NoAnswerError):
    """Nobody listens on a subject: the question has reached nobody."""


@dataclass(frozen=True)
class Message(Generic[T]):
    """What came, and the way back to who asked."""

    subject: str
    body: T
    _bus: Bus
    reply: str = ""

    async def respond(self, body: object) -> None:
        """Answer, where an answer is wanted."""
        if self.reply:
            await self._bus.publish(self.reply, body)


class Bus:
    """One connection of one component. Made by `connect`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def connect(
        cls, config: BusConfig, name: str, on_reconnect: Callable[[], Awaitable[None]] | None = None
    ) -> Bus:
        """Connect, however long the servers need to come; `on_reconnect` runs each time the connection was lost and is back."""

        async def failed(error: Exception) -> None:
            log.warning("bus_error", error=str(error) or type(error).__name__)

        async def lost() -> None:
            log.warning("bus_lost")

        async def back() -> None:
            log.info("bus_back")
            if on_reconnect is not None:
                await on_reconnect()

        options: dict[str, Any] = {}
        if config.user:
            # only this user may hear the answers to what it asks
            options = {"user": config.user, "password": config.password, "inbox_prefix": f"_INBOX.{config.user}"}
        if (context := config.context()) is not None:
            options["tls"] = context
        client = await nats.connect(
            servers=config.servers,
            name=name,
            error_cb=failed,
            disconnected_cb=lost,
            reconnected_cb=back,
            allow_reconnect=True,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.2,
            ping_interval=5,
            max_outstanding_pings=2,
            **options,
        )
        return cls(client)

    @property
    def connected(self) -> bool:
        """Whether a server is at the other end just now."""
        return self._client.is_connected

    async def publish(self, subject: str, body: object) -> None:
        """Send a struct or a dict; while no server is there it is kept in a buffer, and dropped when that is full."""
        try:
            await self._client.publish(subject, msgspec.json.encode(body))
        except NatsError as error:
            log.warning("bus_publish", subject=subject, error=str(error) or type(error).__name__)

    async def flush(self) -> None:
        """Until the server has all that was published."""
        with contextlib.suppress(NatsError):
            await self._client.flush(FLUSH_SECONDS)

    async def subscribe(self, subject: str, kind: type[T], handler: Handler[T], queue: str = "") -> Subscription:
        """Call `handler` for each message, each in a task of its own; with `queue` one of the members gets it."""
        return await self._subscribe(subject, kind, handler, queue, None)

    async def _subscribe(
        self, subject: str, kind: type[T], handler: Handler[T], queue: str, nobody: Callable[[], Awaitable[None]] | None
    ) -> Subscription:
        decoder = msgspec.json.Decoder(kind)

        async def come(message: Msg) -> None:
            if message.headers and message.headers.get("Status") == NO_RESPONDERS:
                if nobody is not None:
                    await nobody()
                return
            try:
                body = decoder.decode(message.data or b"{}")
            except msgspec.MsgspecError as error:
                log.warning("bus_bad_message", subject=message.subject, error=str(error))
                return
            self._spawn(handler(Message(message.subject, body, self, message.reply)), message.subject)

        subscription = await self._client.subscribe(subject, queue=queue, cb=come)
        return Subscription(subscription.unsubscribe)

    async def request(self, subject: str, body: object, kind: type[T], seconds: float) -> T:
        """The first answer; NoAnswerError when there is none, or none of that shape."""
        try:
            answer = await self._client.request(subject, msgspec.json.encode(body), timeout=seconds)
            return msgspec.json.decode(answer.data, type=kind)
        except NoRespondersError:
            raise NobodyListensError(f"nobody listens on {subject}") from None
        except (TimeoutError, NatsTimeout):
            raise NoAnswerError(f"no answer on {subject} within {seconds:g} s") from None
        except msgspec.MsgspecError as error:
            raise NoAnswerError(f"the answer on {subject} is malformed: {error}") from None
        except NatsError as error:
            raise NoAnswerError(f"the bus is away: {error}") from None

    async def gather(self, subject: str, body: object, kind: type[T], seconds: float, most: int = 0) -> list[T]:
        """All answers that come within `seconds`, or the first `most` of them; at once none where nobody listens."""
        answers: list[T] = []
        full = asyncio.Event()

        async def come(message: Message[T]) -> None:
            answers.append(message.body)
            if most and len(answers) >= most:
                full.set()

        async def nobody() -> None:
            full.set()

        inbox = self._client.new_inbox()
        subscription = await self._subscribe(inbox, kind, come, "", nobody)
        try:
            await self._client.publish(subject, msgspec.json.encode(body), reply=inbox)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await full.wait()
        except NatsError as error:
            raise NoAnswerError(f"the bus is away: {error}") from None
        finally:
            await subscription.end()
        return answers[: most or None]

    async def ask(self, subject: str, body: object, kind: type[T]) -> tuple[asyncio.Queue[T | None], Subscription]:
        """A question with several answers over time: they come into the queue; None where nobody listens. End the subscription."""
        answers: asyncio.Queue[T | None] = asyncio.Queue()

        async def come(message: Message[T]) -> None:
            await answers.put(message.body)

        async def nobody() -> None:
            await answers.put(None)

        inbox = self._client.new_inbox()
        subscription = await self._subscribe(inbox, kind, come, "", nobody)
        try:
            await self._client.publish(subject, msgspec.json.encode(body), reply=inbox)
        except NatsError as error:
            await subscription.end()
            raise NoAnswerError(f"the bus is away: {error}") from None
        return answers, subscription

    async def close(self) -> None:
        """Let handlers under way end, send what is buffered, leave."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=FLUSH_SECONDS)
        with contextlib.suppress(NatsError):
            await self.flush()
        with contextlib.suppress(NatsError):
            await self._client.close()

    def _spawn(self, work: Awaitable[None], subject: str) -> None:
        async def run() -> None:
            try:
                await work
            except Exception:  # a handler's fault must not end the component
                log.exception("bus_handler", subject=subject)

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@dataclass(frozen=True)
class Subscription:
    """A subscription that can be ended."""

    _unsubscribe: Callable[[], Awaitable[None]]

    async def end(self) -> None:
        """No message comes any more."""
        with contextlib.suppress(NatsError):
            await self._unsubscribe()
