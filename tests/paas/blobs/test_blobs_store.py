"""The client and a real node: what goes in comes out, and nothing else does."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import msgspec
import pytest
from paas.blobs.errors import BlobDamagedError, BlobError, BlobRefusedError, BlobStoreAwayError, NoBlobError
from paas.blobs.signature import signed_url
from paas.blobs.store import BlobStore, BlobStoreConfig
from paas.blobs.transfer import Transfer
from paas.serve.config import ConfigError, read_config

from director.adapters.secrets.certificates import certificate
from director.adapters.secrets.options import Options
from lab.ports import free_port
from tests.paas.blobstore.blobstore_node import SECRET, BlobstoreNode


class Holder(msgspec.Struct):
    """A component's configuration with a blobstore in it."""

    blobstore: BlobStoreConfig


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlobstoreNode]:
    with BlobstoreNode.running(tmp_path_factory.mktemp("node"), most_bytes=8 << 20) as one:
        yield one


def blob(directory: Path, data: bytes) -> Path:
    path = directory / "blob"
    path.write_bytes(data)
    return path


async def test_what_is_put_is_got_whole_and_can_be_taken_away(node: BlobstoreNode, tmp_path: Path) -> None:
    data = os.urandom(5 << 20)
    async with BlobStore(node.config) as store:
        assert not await store.exists("packages/one")
        carried = await store.put("packages/one", blob(tmp_path, data))
        assert (carried.size, carried.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert await store.exists("packages/one")
        got = await store.get("packages/one", tmp_path / "deep" / "out", sha256=carried.sha256)
        assert got == carried and (tmp_path / "deep/out").read_bytes() == data
        await store.put("packages/one", blob(tmp_path, b"other"))
        await store.get("packages/one", tmp_path / "deep" / "out")
        assert (tmp_path / "deep/out").read_bytes() == b"other"
        assert await store.delete("packages/one") and not await store.delete("packages/one")
        with pytest.raises(NoBlobError, match="packages/one"):
            await store.get("packages/one", tmp_path / "none")
        assert not (tmp_path / "none").exists()


async def test_a_blob_of_another_digest_or_too_large_leaves_what_was_there(node: BlobstoreNode, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"before")
    async with BlobStore(node.config) as store:
        await store.put("droplets/two", blob(tmp_path, b"x" * 1000))
        with pytest.raises(BlobDamagedError, match="SHA-256"):
            await store.get("droplets/two", target, sha256="0" * 64)
        with pytest.raises(BlobDamagedError, match="SHA-1"):
            await store.get("droplets/two", target, sha1="0" * 40)
        with pytest.raises(BlobDamagedError, match="999 bytes"):
            await store.get("droplets/two", target, most=999)
        with pytest.raises(BlobRefusedError, match="413"):
            await store.put("droplets/huge", blob(tmp_path, b"x" * (9 << 20)))
    assert target.read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blob", "target"]


async def test_signed_addresses_do_one_thing_with_one_blob_for_a_while(node: BlobstoreNode, tmp_path: Path) -> None:
    async with BlobStore(node.config) as store, Transfer() as anybody:
        put, get = store.signed_put("buildpacks/three", 60), store.signed_get("buildpacks/three", 60)
        sent = await anybody.upload(blob(tmp_path, b"signed"), put)
        got = await anybody.download(get, tmp_path / "got", sha256=sent.sha256)
        assert got.size == 6 and await anybody.exists(get)
        other = await anybody.upload(blob(tmp_path, b"again"), put)
        assert other.size == 5
        for url, path in ((get, "PUT by GET's"), (put.replace("three", "four"), "another key")):
            with pytest.raises(BlobRefusedError, match="403") as refused:
                await anybody.upload(blob(tmp_path, path.encode()), url)
            assert "md5=" not in str(refused.value)
        with pytest.raises(BlobRefusedError, match="403"):
            await anybody.download(put, tmp_path / "no")
        with pytest.raises(BlobRefusedError):
            await anybody.delete(put)
        old = signed_url(node.url, "GET", "buildpacks/three", int(time.time()) - 5, SECRET)
        with pytest.raises(NoBlobError, match="expired"):
            await anybody.download(old, tmp_path / "no")
        longer = old.partition("expires=")[0] + f"expires={int(time.time()) + 500}"
        with pytest.raises(BlobRefusedError, match="403"):
            await anybody.download(longer, tmp_path / "no")


async def test_without_password_or_with_a_folder_nothing_is_to_be_had(node: BlobstoreNode, tmp_path: Path) -> None:
    async with BlobStore(node.config) as store:
        await store.put("resources/five", blob(tmp_path, b"kept"))
    wrong = BlobStoreConfig(urls=[node.url], user="components", password="other", secret=SECRET)
    async with BlobStore(wrong) as store:
        for call in (
            store.exists("resources/five"),
            store.delete("resources/five"),
            store.put("a/b", tmp_path / "blob"),
        ):
            with pytest.raises(BlobRefusedError, match="401"):
                await call
    auth = ("components", "p4ss:w0rd")
    async with httpx2.AsyncClient(base_url=node.url, trust_env=False) as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/list/resources/")).status_code == 401
        listed = (await client.get("/list/resources/", auth=auth)).json()
        assert [(one["name"], one["size"]) for one in listed] == [("five", 4)]
        for path in ("/rw/resources/", "/rw/", "/list/resources/five", "/blobs/resources/five"):
            assert (await client.delete(path, auth=auth)).status_code in (403, 404, 405), path
        assert (await client.get("/rw/../run/users", auth=auth)).status_code == 404
        assert (await client.get("/rw/%2e%2e/%2e%2e/run/users", auth=auth)).status_code in (400, 404)
        assert (await client.get("/rw/resources/five", auth=auth)).content == b"kept"


async def test_a_store_that_is_away_is_told_from_a_blob_that_is_not_there(tmp_path: Path) -> None:
    one = BlobstoreNode(tmp_path / "node")
    async with BlobStore(one.config) as store:
        with pytest.raises(BlobStoreAwayError, match="packages/x"):
            await store.put("packages/x", blob(tmp_path, b"1"))
        with pytest.raises(BlobStoreAwayError):
            await store.exists("packages/x")
        one.start()
        try:
            await store.put("packages/x", blob(tmp_path, b"1"))
        finally:
            one.stop()


async def test_of_two_nodes_either_has_what_the_other_was_given_alone(tmp_path: Path) -> None:
    first = BlobstoreNode(tmp_path / "first")
    second = BlobstoreNode(tmp_path / "second", peers=[first.url])
    first = BlobstoreNode(tmp_path / "first", first.port, peers=[second.url])
    config = msgspec.structs.replace(first.config, urls=[first.url, second.url])
    second.start()
    try:
        async with BlobStore(config) as store, Transfer() as anybody:
            await store.put("droplets/a", blob(tmp_path, b"while one was away"))
            first.start()
            assert not (first.root / "blobs/droplets/a").exists()
            only_first = signed_url(first.url, "GET", "droplets/a", int(time.time()) + 60, SECRET)
            assert (await anybody.download(only_first, tmp_path / "out")).size == 18
            missing = signed_url(first.url, "GET", "droplets/none", int(time.time()) + 60, SECRET)
            with pytest.raises(NoBlobError):
                await anybody.download(missing, tmp_path / "out")
            await store.put("droplets/b", blob(tmp_path, b"both"))
            for node in (first, second):
                assert (node.root / "blobs/droplets/b").read_bytes() == b"both"
            assert await store.delete("droplets/b")
            assert not await store.exists("droplets/b")
            second.stop()
            with pytest.raises(BlobStoreAwayError):  # the node that is away has it
                await store.get("droplets/a", tmp_path / "out")
            await store.put("droplets/c", blob(tmp_path, b"one left"))
            assert (await anybody.download(store.signed_get("droplets/c", 60), tmp_path / "out")).size == 8
    finally:
        first.stop()
        second.stop()


@pytest.mark.parametrize(
    "key", ["", "one", "/a/b", "a//b", "a/../b", "a/b/", "a/.b", "a b/c", "a/b?x", "a/b#", "a/" + "b" * 300]
)
async def test_what_is_no_key_is_refused_before_anything_is_asked(key: str, tmp_path: Path) -> None:
    async with BlobStore(BlobStoreConfig(urls=["http://127.0.0.1:1"], secret=SECRET)) as store:
        with pytest.raises(ValueError, match="no key of a blob"):
            await store.exists(key)
        with pytest.raises(ValueError, match="no key of a blob"):
            store.signed_put(key, 60)


async def test_addresses_that_are_none_and_a_missing_secret_are_told(tmp_path: Path) -> None:
    async with Transfer() as anybody:
        for url in ("file:///etc/passwd", "nothing", "ftp://x/y"):
            with pytest.raises(BlobError, match="no address"):
                await anybody.download(url, tmp_path / "out")
    async with BlobStore(BlobStoreConfig(urls=["http://127.0.0.1:1"])) as store:
        with pytest.raises(BlobError, match=r"blobstore\.secret"):
            store.signed_get("a/b", 1)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"urls": []}, "`urls` names no node of the blobstore"),
        ({"urls": ["https://b:9443"], "secret": "short"}, "secret must be 16 to 256 letters"),
    ],
)
def test_a_configuration_that_cannot_be_is_told_with_its_file_and_key(
    given: dict[str, object], told: str, tmp_path: Path
) -> None:
    file = tmp_path / "component.json"
    file.write_bytes(msgspec.json.encode({"blobstore": given}))
    with pytest.raises(ConfigError) as refused:
        read_config(file, Holder)
    assert told in str(refused.value)
    assert str(file) in str(refused.value)
    assert "$.blobstore" in str(refused.value)


async def test_what_a_node_lacks_it_fetches_from_the_other_by_tls(tmp_path: Path) -> None:
    authority = certificate(Options("ca", {"is_ca": True, "common_name": "ca"}), None)
    names = {"common_name": "node", "alternative_names": ["127.0.0.1", "blobstore"]}
    made = certificate(Options("leaf", names), authority)
    for name, text in (("ca", authority["certificate"]), ("pem", made["certificate"]), ("key", made["private_key"])):
        (tmp_path / name).write_text(text)
    tls = {"certificate": str(tmp_path / "pem"), "key": str(tmp_path / "key")}
    ports = free_port(), free_port()
    nodes = [
        BlobstoreNode(
            tmp_path / str(port), port, ca=str(tmp_path / "ca"), peer_name="blobstore", sync_seconds=0.2,
            peers=[f"https://127.0.0.1:{other}"], listen={"host": "127.0.0.1", "port": port, **tls},
        )
        for port, other in (ports, ports[::-1])
    ]  # fmt: skip
    first, second = nodes
    config = msgspec.structs.replace(
        first.config, urls=[f"https://127.0.0.1:{port}" for port in ports], ca=str(tmp_path / "ca")
    )
    second.start()
    first.start()
    try:
        alone = msgspec.structs.replace(config, urls=config.urls[:1])
        async with BlobStore(alone) as store, BlobStore(msgspec.structs.replace(config, urls=config.urls[1:])) as other:
            for number in range(7):
                await store.put(f"droplets/d{number}", blob(tmp_path, os.urandom(2000)))
            carried = await store.put("packages/p", blob(tmp_path, b"signed" * 1000))
            assert (await other.get("packages/p", tmp_path / "out")).size == 6000  # from the peer, at once
            assert not (second.root / "blobs").exists() or not list((second.root / "blobs").glob("*/*"))
            with second.syncing():
                deadline = time.monotonic() + 30
                while len(list((second.root / "blobs").glob("*/*"))) < 8:
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.05)
            first.stop()
            assert await other.get("packages/p", tmp_path / "out") == carried
    finally:
        first.stop()
        second.stop()
