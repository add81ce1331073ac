"""Speaks with a Redis server over its unix socket: one command, one answer. Source: the Redis serialization protocol 2."""

from __future__ import annotations

import asyncio
from pathlib import Path

Reply = str | int | None | list["Reply"]


class RedisError(Exception):
    """The server's refusal, in its words."""


async def ask(socket: Path, user: str, password: str, *commands: list[str], seconds: float = 10) -> list[Reply]:
    """Log in and send the commands; their answers. RedisError for a refusal, OSError where the server is away."""
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_unix_connection(socket)
        try:
            sent = [["AUTH", user, password], *commands]
            writer.write(b"".join(_encoded(words) for words in sent))
            await writer.drain()
            return [await _reply(reader) for _ in sent][1:]
        finally:
            writer.close()


def _encoded(words: list[str]) -> bytes:
    raw = [word.encode() for word in words]
    return b"*%d\r\n" % len(raw) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in raw)


async def _reply(reader: asyncio.StreamReader) -> Reply:
    line = (await reader.readuntil(b"\r\n"))[:-2].decode()
    kind, rest = line[:1], line[1:]
    match kind:
        case "+":
            return rest
        case "-":
            raise RedisError(rest)
        case ":":
            return int(rest)
        case "$":
            return None if rest == "-1" else (await reader.readexactly(int(rest) + 2))[:-2].decode()
        case "*":
            return [await _reply(reader) for _ in range(int(rest))]
        case _:
            raise RedisError("an answer that is not Redis's")
