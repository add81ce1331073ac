"""Answers questions on the unix socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import struct
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import structlog

from paas.containers.protocol import (
    Ask,
    CopyIn,
    CopyOut,
    Create,
    Destroy,
    Done,
    Fault,
    Info,
    Limit,
    Lines,
    List,
    Listed,
    NetIn,
    NetOut,
    Ping,
    Run,
    Started,
    Stop,
    Wait,
)
from paas.warden.copies import copy_in, copy_out
from paas.warden.faults import WardenError
from paas.warden.keeper import Keeper
from paas.warden.output import Follower
from paas.warden.programs import ProgramError

log = structlog.get_logger("warden")

QUESTION_LIMIT = 4 << 20


class Server:
    """The socket of one keeper."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._decoder = msgspec.json.Decoder(Ask)
        self._encoder = msgspec.json.Encoder()
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, path: str, group: str, stop: asyncio.Event) -> None:
        """Listen at `path` until `stop`; a file that an earlier warden left there is replaced."""
        Path(path).unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._connected, path, limit=QUESTION_LIMIT)
        os.chmod(path, 0o660)
        if group:
            shutil.chown(path, group=group)
        log.info("listens", socket=path)
        await stop.wait()
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            raw = await reader.readline()
            if raw.strip():
                await self._until_gone(self._respond(raw, writer), reader)
        except (ConnectionError, asyncio.CancelledError):
            pass
        except ValueError as error:
            log.warning("question_too_long", error=str(error))
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _until_gone(self, work: Any, reader: asyncio.StreamReader) -> None:
        """Await `work`, and cancel it where the one who asked has gone."""
        doing = asyncio.create_task(work)
        gone = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait((doing, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (doing, gone):
                task.cancel()
            await asyncio.gather(doing, gone, return_exceptions=True)

    async def _respond(self, raw: bytes, writer: asyncio.StreamWriter) -> None:
        try:
            async with contextlib.aclosing(self._answers(self._decoder.decode(raw), _peer(writer))) as answers:
                async for answer in answers:
                    await self._write(writer, answer)
        except msgspec.MsgspecError as error:
            await self._write(writer, Fault(fault="bad_request", message=str(error)))
        except WardenError as error:
            await self._write(writer, Fault(fault=error.code, message=str(error)))
        except (ProgramError, OSError) as error:
            if not isinstance(error, ConnectionError):
                await self._write(writer, Fault(fault="failed", message=str(error)))
        except Exception:  # one question's fault must not end the warden
            log.exception("question")
            await self._write(writer, Fault(fault="failed", message="a fault of the warden, which its log tells"))

    async def _write(self, writer: asyncio.StreamWriter, answer: object) -> None:
        writer.write(self._encoder.encode(answer) + b"\n")
        await writer.drain()

    async def _answers(self, ask: Ask, peer: tuple[int, int]) -> AsyncGenerator[object]:
        keeper = self._keeper
        match ask:
            case Lines():
                process = keeper.ward(ask.handle).process(ask.process)
                async for batch in Follower(process.log, process.ended, ask.cursor, ask.rate).batches():
                    yield batch
            case Wait():
                yield await keeper.ward(ask.handle).exit_of(ask.process)
            case Create():
                yield await keeper.create(ask)
            case Run():
                process = await keeper.ward(ask.handle).run(ask)
                yield Started(handle=ask.handle, process=process.name)
            case Info():
                yield keeper.ward(ask.handle).details()
            case NetIn():
                yield await keeper.net_in(ask)
            case List():
                yield Listed(handles=keeper.handles(ask.owner))
            case _:
                await self._do(ask, peer)
                yield Done()

    async def _do(self, ask: Ask, peer: tuple[int, int]) -> None:
        keeper, tools = self._keeper, self._keeper.tools
        match ask:
            case Ping():
                pass
            case Limit():
                await keeper.ward(ask.handle).limit(ask)
            case NetOut():
                await keeper.net_out(ask)
            case CopyIn():
                await copy_in(tools.programs, tools.runtime, keeper.ward(ask.handle).place.directory, ask)
            case CopyOut():
                await copy_out(tools.runtime, keeper.ward(ask.handle).place.directory, ask, peer)
            case Stop():
                await keeper.ward(ask.handle).stop(ask)
            case Destroy():
                await keeper.destroy(ask.handle)
            case _:
                raise WardenError("bad_request", f"{type(ask).__name__} is not answered here")


def _peer(writer: asyncio.StreamWriter) -> tuple[int, int]:
    """(uid, gid) of who asks."""
    connection: socket.socket = writer.get_extra_info("socket")
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, gid = struct.unpack("3i", raw)
    return uid, gid
