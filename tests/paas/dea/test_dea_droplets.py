"""Droplets from a real server: fetched once, checked, removed when there is no room."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from paas.dea.droplets import DropletError, Droplets


class Store:
    """An HTTP server of files in memory, that counts what is asked."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.port = 0

    def put(self, data: bytes) -> str:
        """Its digest."""
        digest = hashlib.sha256(data).hexdigest()
        self.files[digest] = data
        return digest

    def url(self, digest: str) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}/{digest}?signature=secret"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        name = head.split()[1].strip("/").partition("?")[0]
        self.asked.append(name)
        data = self.files.get(name)
        status = "200 OK" if data is not None else "404 Not Found"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(data or b'')}\r\nConnection: close\r\n\r\n".encode())
        writer.write(data or b"")
        await writer.drain()
        writer.close()


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    one = Store()
    server = await asyncio.start_server(one.answer, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    yield one
    server.close()


async def test_many_who_want_one_droplet_have_it_fetched_once(store: Store, tmp_path: Path) -> None:
    droplets = Droplets(tmp_path / "d", 1 << 20)
    digest = store.put(os.urandom(200_000))
    paths = await asyncio.gather(*(droplets.fetch(digest, store.url(digest)) for _ in range(5)))
    assert len(set(paths)) == 1
    assert paths[0].read_bytes() == store.files[digest]
    assert store.asked == [digest]
    assert await Droplets(tmp_path / "d", 1 << 20).fetch(digest, "http://127.0.0.1:9/gone") == paths[0]


async def test_what_is_not_what_was_asked_for_is_not_kept(store: Store, tmp_path: Path) -> None:
    droplets = Droplets(tmp_path, 1 << 20)
    digest = store.put(b"right")
    store.files[digest] = b"wrong"
    with pytest.raises(DropletError, match="has digest"):
        await droplets.fetch(digest, store.url(digest))
    assert store.asked == [digest] * 3
    assert list(tmp_path.iterdir()) == []
    store.files[digest] = b"right"
    assert (await droplets.fetch(digest, store.url(digest))).read_bytes() == b"right"


async def test_no_error_tells_the_signed_address(store: Store, tmp_path: Path) -> None:
    droplets = Droplets(tmp_path, 1 << 20)
    for digest, url in (
        ("0" * 64, store.url("0" * 64)),
        ("1" * 64, "http://127.0.0.1:9/x?signature=secret"),
        ("../x", ""),
    ):
        with pytest.raises(DropletError) as caught:
            await droplets.fetch(digest, url)
        assert "secret" not in str(caught.value)


async def test_the_longest_unused_goes_when_there_is_no_room(store: Store, tmp_path: Path) -> None:
    droplets = Droplets(tmp_path, 250_000)
    digests = [store.put(os.urandom(100_000)) for _ in range(3)]
    for at, digest in enumerate(digests[:2]):
        path = await droplets.fetch(digest, store.url(digest))
        os.utime(path, (at + 1, at + 1))
    await droplets.fetch(digests[0], store.url(digests[0]))  # used again
    await droplets.fetch(digests[2], store.url(digests[2]))
    assert {path.name.partition(".")[0] for path in tmp_path.iterdir()} == {digests[0], digests[2]}


async def test_one_that_is_larger_than_all_room_is_used_all_the_same(store: Store, tmp_path: Path) -> None:
    digest = store.put(os.urandom(5000))
    assert (await Droplets(tmp_path, 100).fetch(digest, store.url(digest))).exists()
