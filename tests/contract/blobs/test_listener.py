from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import httpx2
import pytest

from director.adapters.blobs.folder import FolderBlobs
from director.adapters.blobs.listener import BlobListener
from director.adapters.blobs.signed import Signer, secret_file


async def test_get(web: httpx2.AsyncClient, blobs: FolderBlobs) -> None:
    blob_id, _ = await blobs.put_bytes(b"x" * 2_500_000)
    answer = await web.get(blobs.sign(blob_id, "GET"))
    assert answer.status_code == 200
    assert answer.content == b"x" * 2_500_000
    assert answer.headers["content-length"] == "2500000"


async def test_range(web: httpx2.AsyncClient, blobs: FolderBlobs) -> None:
    blob_id, _ = await blobs.put_bytes(b"0123456789")
    answer = await web.get(blobs.sign(blob_id, "GET"), headers={"Range": "bytes=3-5"})
    assert (answer.status_code, answer.content) == (206, b"345")


async def test_put_then_get(web: httpx2.AsyncClient, blobs: FolderBlobs) -> None:
    body = bytes(range(256)) * 40_000
    answer = await web.put(blobs.sign("up", "PUT"), content=body, headers={"Expect": "100-continue"})
    assert answer.status_code == 201
    assert (await web.get(blobs.sign("up", "GET"))).content == body
    assert [one.name for one in blobs.folder.iterdir()] == ["up"]


async def test_refusals(web: httpx2.AsyncClient, blobs: FolderBlobs, signer: Signer, tmp_path: Path) -> None:
    blob_id, _ = await blobs.put_bytes(b"secret")
    good = blobs.sign(blob_id, "GET")
    stranger = Signer(secret_file(tmp_path / "other"), signer.base_url)
    for url in (
        good.partition("?")[0],
        good.replace("signature=", "signature=0"),
        good.replace(blob_id, "another"),
        good.replace("expires=", "expires=9"),
        blobs.sign(blob_id, "GET", seconds=-1),
        blobs.sign(blob_id, "PUT"),
        stranger.url(blob_id, "GET", 60),
        good.replace("expires=", "expires=x"),
        good + "é",
    ):
        answer = await web.get(url)
        assert answer.status_code == 403, url
        assert b"secret" not in answer.content
    assert (await web.put(good, content=b"overwritten")).status_code == 403
    assert (await blobs.path(blob_id)).read_bytes() == b"secret"
    assert (await web.delete(good)).status_code == 405


async def test_nothing_is_listed(web: httpx2.AsyncClient, blobs: FolderBlobs, signer: Signer) -> None:
    await blobs.put_bytes(b"x", blob_id="here")
    for path in ("/", "/blobs", "/blobs/", "/docs"):
        answer = await web.get(signer.base_url + path)
        assert answer.status_code == 404 and b"here" not in answer.content


async def test_missing_blob(web: httpx2.AsyncClient, blobs: FolderBlobs) -> None:
    assert (await web.get(blobs.sign("absent", "GET"))).status_code == 404


async def test_an_interrupted_upload_leaves_nothing(listener: BlobListener, blobs: FolderBlobs) -> None:
    url = blobs.sign("half", "PUT")
    path = url[url.index("/blobs") :]
    trusted = ssl.create_default_context(cadata=blobs.agent_settings()[0]["options"]["tls"]["cert"]["ca"])
    _, writer = await asyncio.open_connection("127.0.0.1", listener.port, ssl=trusted)
    writer.write(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n".encode() + b"x" * 5000)
    await writer.drain()
    for _ in range(500):
        if list(blobs.folder.iterdir()):
            break
        await asyncio.sleep(0.02)
    assert list(blobs.folder.iterdir()), "the upload never began"
    writer.transport.abort()
    for _ in range(500):
        if not list(blobs.folder.iterdir()):
            break
        await asyncio.sleep(0.02)
    assert list(blobs.folder.iterdir()) == []


async def test_many_at_once(web: httpx2.AsyncClient, blobs: FolderBlobs) -> None:
    answers = await asyncio.gather(
        *(web.put(blobs.sign(f"b{n}", "PUT"), content=bytes([n]) * 300_000) for n in range(20))
    )
    assert {one.status_code for one in answers} == {201}
    got = await asyncio.gather(*(web.get(blobs.sign(f"b{n}", "GET")) for n in range(20)))
    assert [one.content for one in got] == [bytes([n]) * 300_000 for n in range(20)]


def test_a_secret_survives_a_restart(tmp_path: Path) -> None:
    first = secret_file(tmp_path / "s")
    assert secret_file(tmp_path / "s") == first
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ValueError, match="32 bytes"):
        Signer(b"short", "https://x")
