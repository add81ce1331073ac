"""Both agents with signed URLs: nothing but the URL, the header and the CA from `env.bosh.blobstores` opens a blob."""

from __future__ import annotations

import hashlib
import json
import tarfile
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest

from director.adapters.blobs.folder import FolderBlobs
from director.adapters.blobs.listener import BlobListener
from director.adapters.blobs.signed import Signer
from director.adapters.listener import Address
from lab.ports import free_port
from tests.contract.witness.conftest import Bench
from tests.contract.witness.test_agents_alike import PACKAGING, apply_spec, rendered
from tests.e2e.loopback.archives import tgz
from tests.e2e.loopback.blob_server import start_blob_server
from tests.e2e.loopback.certificates import Authority
from tests.e2e.loopback.talk import AgentRefused


class Store(Protocol):
    """Signed URLs for blobs that lie flat in `directory`; `headers` must go along with every request."""

    directory: Path
    ca: str
    headers: dict[str, str]

    def sign(self, blob: str, method: str = "GET") -> str: ...


@dataclass
class DirectorStore:
    """The director's own blobstore behind its own listener."""

    directory: Path
    ca: str
    blobs: FolderBlobs
    headers: dict[str, str] = field(default_factory=dict)

    def sign(self, blob: str, method: str = "GET") -> str:
        return self.blobs.sign(blob, method)


@pytest.fixture(params=["a foreign store", "the director's store"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    directory, authority = tmp_path / "signed", Authority(tmp_path / "blob-certs")
    directory.mkdir()
    if request.param == "a foreign store":
        server = start_blob_server(directory, authority)
        yield server
        server.close()
        return
    port = free_port()
    signer = Signer(b"0" * 32, f"https://127.0.0.1:{port}")
    blobs = FolderBlobs(directory, signer)
    certificate, key = authority.issue("blobs", "blobs.test", server=True)
    listener = BlobListener(blobs, signer, Address("127.0.0.1", port, certificate, key))
    await listener.start()
    yield DirectorStore(directory, authority.certificate.read_text(), blobs)
    await listener.stop()


def blobstores(bench: Bench, ca: str) -> list[dict[str, Any]]:
    """The provider is only good for rendered templates; packages and logs must go by URL."""
    return [{"provider": "local", "options": {"blobstore_path": str(bench.blobs), "tls": {"cert": {"ca": ca}}}}]


async def signed_compile(bench: Bench, agent_id: str, store: Store, name: str, deps: dict[str, Any]) -> dict[str, Any]:
    source = tgz({"packaging": PACKAGING, "tool": b"#!/bin/sh\necho tool\n"}, frozenset({"tool"}))
    source_id, target_id = str(uuid.uuid4()), str(uuid.uuid4())
    (store.directory / source_id).write_bytes(source)
    request = {
        "package_get_signed_url": store.sign(source_id),
        "upload_signed_url": store.sign(target_id, "PUT"),
        "digest": hashlib.sha1(source).hexdigest(),
        "name": name,
        "version": "ab12.1",
        "deps": deps,
        "blobstore_headers": store.headers,
    }
    answer = await bench.talk.run(agent_id, "compile_package_with_signed_url", request)
    assert (store.directory / target_id).exists()
    return {"name": name, "version": "ab12.1", "sha1": answer["result"]["sha1"], "blobstore_id": target_id}


async def test_compile_with_a_dependency_then_apply(bench: Bench, store: Store) -> None:
    agent_id, cid = bench.boot(blobstores=blobstores(bench, store.ca))
    await bench.talk.wait_until_ready(agent_id)
    first = await signed_compile(bench, agent_id, store, "base", {})
    signed = {"package_get_signed_url": store.sign(first["blobstore_id"]), "blobstore_headers": store.headers}
    tool = await signed_compile(bench, agent_id, store, "tool", {"base": first | signed})
    package = tool | {"signed_url": store.sign(tool["blobstore_id"]), "blobstore_headers": store.headers}
    spec = apply_spec(bench, package, bench.put_blob(rendered()))
    assert await bench.talk.run(agent_id, "apply", spec) == "applied"
    base = Path(bench.cloud.vm_of(agent_id)["base"])
    assert (base / "packages/tool/name").read_text() == "tool\n"
    assert not (bench.blobs / tool["blobstore_id"]).exists(), "the provider, not the URL, could have served the package"
    bench.cloud.call("delete_vm", cid)


async def test_logs_and_dns_by_signed_url(bench: Bench, store: Store) -> None:
    agent_id, cid = bench.boot(blobstores=blobstores(bench, store.ca))
    await bench.talk.wait_until_ready(agent_id)
    base = Path(bench.cloud.vm_of(agent_id)["base"])
    (base / "sys/log/web").mkdir(parents=True)
    (base / "sys/log/web/web.log").write_text("one line\n")
    target = str(uuid.uuid4())
    request = {
        "signed_url": store.sign(target, "PUT"),
        "log_type": "job",
        "filters": [],
        "blobstore_headers": store.headers,
    }
    answer = await bench.talk.run(agent_id, "fetch_logs_with_signed_url", request)
    assert hashlib.sha1((store.directory / target).read_bytes()).hexdigest() in answer["sha1"]
    with tarfile.open(store.directory / target) as archive:
        assert "web/web.log" in {Path(name).as_posix() for name in archive.getnames()}

    records = json.dumps(
        {"version": 3, "records": [["127.77.0.5", "front.shop.bosh"]], "record_keys": [], "record_infos": []}
    ).encode()
    (store.directory / "dns").write_bytes(records)
    sync = {
        "signed_url": store.sign("dns"),
        "multi_digest": f"sha256:{hashlib.sha256(records).hexdigest()}",
        "version": 3,
    }
    assert (
        await bench.talk.call(agent_id, "sync_dns_with_signed_url", sync | {"blobstore_headers": store.headers})
        == "synced"
    )
    assert json.loads((base / "instance/dns/records.json").read_text())["version"] == 3
    bench.cloud.call("delete_vm", cid)


async def test_another_ca_is_not_trusted(bench: Bench, store: Store, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger").certificate.read_text()
    agent_id, cid = bench.boot(blobstores=blobstores(bench, stranger))
    await bench.talk.wait_until_ready(agent_id)
    request = {
        "signed_url": store.sign("never", "PUT"),
        "log_type": "job",
        "filters": [],
        "blobstore_headers": store.headers,
    }
    with pytest.raises(AgentRefused):
        await bench.talk.run(agent_id, "fetch_logs_with_signed_url", request)
    assert not (store.directory / "never").exists()
    bench.cloud.call("delete_vm", cid)
