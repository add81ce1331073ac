"""Asks the warden: containers, what runs in them, what they use. Streams and waits outlive a restart of the warden."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from paas.containers.protocol import (
    Batch,
    CopyIn,
    CopyOut,
    Create,
    Created,
    Destroy,
    Details,
    Done,
    Egress,
    Exit,
    Fault,
    FaultCode,
    Info,
    Limit,
    Limits,
    Lines,
    List,
    Listed,
    NetIn,
    NetOut,
    Ping,
    Port,
    Run,
    Started,
    Stop,
    User,
    Wait,
)

A = TypeVar("A")

LINE_LIMIT = 4 << 20
AGAIN_SECONDS = 0.2


class ContainerError(Exception):
    """The warden says no; `code` says why in one word."""

    def __init__(self, code: FaultCode, message: str) -> None:
        super().__init__(message)
        self.code: FaultCode = code


class WardenAwayError(Exception):
    """The warden does not answer: it is not there, or went in the middle of an answer."""


@dataclass(frozen=True)
class WardenClient:
    """The warden at the unix socket `path`. Holds no connection: one is made for each question."""

    path: str

    async def ping(self) -> None:
        """Return when the warden is fit to serve."""
        await self.ask(Ping(), Done)

    async def ready(self, seconds: float) -> None:
        """Wait until the warden serves; WardenAwayError after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    with contextlib.suppress(WardenAwayError):
                        return await self.ping()
                    await asyncio.sleep(AGAIN_SECONDS)
        except TimeoutError:
            raise WardenAwayError(f"{self.path}: no warden answers after {seconds:g} s") from None

    async def create(self, create: Create) -> Container:
        """Make a container; on any failure nothing of it is left."""
        made = await self.ask(create, Created)
        return Container(self, made.handle, made.container_ip, made.host_ip)

    async def adopt(self, handle: str) -> Container:
        """The container that was made before; ContainerError ``no_such_container`` where it is gone."""
        details = await self.ask(Info(handle=handle), Details)
        return Container(self, handle, details.container_ip, details.host_ip)

    async def list(self, owner: str = "") -> list[str]:
        """Handles, oldest first."""
        return (await self.ask(List(owner=owner), Listed)).handles

    async def destroy(self, handle: str) -> None:
        """End and remove it; one that is gone is fine."""
        await self.ask(Destroy(handle=handle), Done)

    async def ask(self, question: Any, kind: type[A]) -> A:
        """The one answer to a question."""
        async with contextlib.aclosing(self.stream(question, kind)) as answers:
            async for answer in answers:
                return answer
        raise WardenAwayError(f"{self.path}: the warden went before it answered")

    async def stream(self, question: Any, kind: type[A]) -> AsyncGenerator[A]:
        """All answers to a question."""
        decoder = msgspec.json.Decoder(kind)
        async with self._connection() as (reader, writer):
            try:
                writer.write(msgspec.json.encode(question) + b"\n")
                await writer.drain()
                while raw := await reader.readline():
                    if not raw.endswith(b"\n"):
                        break
                    yield _answer(raw, decoder)
            except OSError as error:
                raise WardenAwayError(f"{self.path}: {error.strerror or error}") from None

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        try:
            reader, writer = await asyncio.open_unix_connection(self.path, limit=LINE_LIMIT)
        except OSError as error:
            raise WardenAwayError(f"{self.path}: {error.strerror or error}") from None
        try:
            yield reader, writer
        finally:
            writer.close()


def _answer(raw: bytes, decoder: msgspec.json.Decoder[A]) -> A:
    if raw.startswith(b'{"fault":'):
        fault = msgspec.json.decode(raw, type=Fault)
        raise ContainerError(fault.fault, fault.message)
    return decoder.decode(raw)


@dataclass(frozen=True)
class Container:
    """One container. Every call may raise ContainerError (it says no) or WardenAwayError (nobody there: try again)."""

    warden: WardenClient
    handle: str
    container_ip: str
    host_ip: str

    async def run(
        self,
        argv: list[str],
        *,
        env: dict[str, str] | None = None,
        cwd: str = "/home/vcap",
        user: User = "vcap",
    ) -> Process:
        """Start a process in it."""
        question = Run(handle=self.handle, argv=argv, user=user, env=env or {}, cwd=cwd)
        return self.process((await self.warden.ask(question, Started)).process)

    async def script(self, text: str, *, env: dict[str, str] | None = None, cwd: str = "/home/vcap") -> Process:
        """Start a bash script in it."""
        return await self.run(["/bin/bash", "-c", text], env=env, cwd=cwd)

    def process(self, name: str) -> Process:
        """A process that was started before."""
        return Process(self, name)

    async def info(self) -> Details:
        """State and use."""
        return await self.ask(Info(handle=self.handle), Details)

    async def limit(self, limits: Limits) -> None:
        """Change memory, CPU and pids."""
        await self.ask(Limit(handle=self.handle, limits=limits), Done)

    async def net_in(self, container_port: int, host_port: int = 0) -> int:
        """The machine's port that leads to `container_port`."""
        question = NetIn(handle=self.handle, container_port=container_port, host_port=host_port)
        return (await self.ask(question, Port)).host_port

    async def net_out(self, egress: list[Egress]) -> None:
        """Replace the rules given at `create`."""
        await self.ask(NetOut(handle=self.handle, egress=egress), Done)

    async def copy_in(self, source: str, target: str, *, unpack: bool = False, user: User = "vcap") -> None:
        """Bring a file, a directory's content, or (`unpack`) an archive's content into it."""
        question = CopyIn(handle=self.handle, source=source, target=target, unpack=unpack, user=user)
        await self.ask(question, Done)

    async def copy_out(self, source: str, target: str, *, max_bytes: int = 4 << 30) -> None:
        """Bring a file out of it."""
        await self.ask(CopyOut(handle=self.handle, source=source, target=target, max_bytes=max_bytes), Done)

    async def stop(self, grace: float = 10) -> None:
        """End what runs in it; returns when it has ended."""
        await self.ask(Stop(handle=self.handle, grace=grace), Done)

    async def destroy(self) -> None:
        """End and remove it."""
        await self.warden.destroy(self.handle)

    async def ask(self, question: Any, kind: type[A]) -> A:
        """The answer to a question about it."""
        return await self.warden.ask(question, kind)


@dataclass(frozen=True)
class Process:
    """One process started in a container, named `name` there."""

    container: Container
    name: str

    async def wait(self) -> Exit:
        """How it ended, once it has; a warden that goes and comes back meanwhile is waited for."""
        question = Wait(handle=self.container.handle, process=self.name)
        while True:
            try:
                return await self.container.ask(question, Exit)
            except WardenAwayError:
                await asyncio.sleep(AGAIN_SECONDS)

    async def output(self, cursor: str = "", rate: int = 0) -> AsyncGenerator[Batch]:
        """Its lines as they come, from `cursor` on, until it has ended; a warden that goes and comes back is waited for."""
        while True:
            question = Lines(handle=self.container.handle, process=self.name, cursor=cursor, rate=rate)
            try:
                async with contextlib.aclosing(self.container.warden.stream(question, Batch)) as batches:
                    async for batch in batches:
                        cursor = batch.cursor
                        yield batch
                        if batch.last:
                            return
            except WardenAwayError:
                pass
            await asyncio.sleep(AGAIN_SECONDS)

    async def stop(self, grace: float = 10) -> None:
        """End it and its children."""
        question = Stop(handle=self.container.handle, process=self.name, grace=grace)
        await self.container.ask(question, Done)
