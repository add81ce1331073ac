"""Both agents with signed URLs: nothing but the URL, the header and the CA from `env.bosh.blobstores` opens a blob."""

from __future__ import annotations

import hashlib
import json
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.witness.conftest import Bench
from tests.contract.witness.test_agents_alike import PACKAGING, apply_spec, rendered
from tests.e2e.loopback.archives import tgz
from tests.e2e.loopback.blob_server import BlobServer, start_blob_server
from tests.e2e.loopback.certificates import Authority
from tests.e2e.loopback.talk import AgentRefused


@pytest.fixture
def store(tmp_path: Path) -> Iterator[BlobServer]:
    (tmp_path / "signed").mkdir()
    server = start_blob_server(tmp_path / "signed", Authority(tmp_path / "blob-certs"))
    try:
        yield server
    finally:
        server.close()


def blobstores(bench: Bench, ca: str) -> list[dict[str, Any]]:
    """The provider is only good for rendered templates; packages and logs must go by URL."""
    return [{"provider": "local", "options": {"blobstore_path": str(bench.blobs), "tls": {"cert": {"ca": ca}}}}]


async def signed_compile(
    bench: Bench, agent_id: str, store: BlobServer, name: str, deps: dict[str, Any]
) -> dict[str, Any]:
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


async def test_compile_with_a_dependency_then_apply(bench: Bench, store: BlobServer) -> None:
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
    methods = [method for method, _ in store.seen]
    assert methods.count("PUT") == 2
    assert ("GET", tool["blobstore_id"]) in store.seen
    bench.cloud.call("delete_vm", cid)


async def test_logs_and_dns_by_signed_url(bench: Bench, store: BlobServer) -> None:
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


async def test_another_ca_is_not_trusted(bench: Bench, store: BlobServer, tmp_path: Path) -> None:
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
