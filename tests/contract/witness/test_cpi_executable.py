"""The client of one-shot executables against a CPI that is nobody's plugin: the dummy CPI of the witness."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from cpi.bridge import ExecutableClient
from cpi.contract import CloudError, CpiError, DeadlineExceeded, DiskNotAttached, MethodNotImplemented, VMNotFound
from tests.e2e.loopback.cloud import DummyCloud


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[DummyCloud]:
    """VMs of this cloud run no agent."""
    built = DummyCloud.build(tmp_path, "nats://127.0.0.1:1", [])
    yield built
    built.close()


@pytest.fixture
def client(cloud: DummyCloud) -> ExecutableClient:
    return ExecutableClient(cloud.executable)


async def test_the_life_of_a_vm_and_its_disk(cloud: DummyCloud, client: ExecutableClient) -> None:
    assert await client.call("info") == {"api_version": 2, "stemcell_formats": ["dummy-raw"]}
    stemcell = await client.call("create_stemcell", [__file__, {}], api_version=2)
    networks = {"a": {"type": "manual", "ip": "127.77.0.5"}}
    created = await client.call(
        "create_vm", [str(uuid.uuid4()), stemcell, {}, networks, [], {"bosh": {}}], api_version=2
    )
    assert isinstance(created, list)
    cid = created[0]
    assert created[1] == networks
    disk = await client.call("create_disk", [64, {}, cid])
    assert await client.call("attach_disk", [cid, disk])
    assert await client.call("get_disks", [cid]) == [disk]
    await client.call("delete_vm", [cid])
    assert await client.call("has_vm", [cid]) is False
    assert await client.call("has_disk", [disk]) is True
    assert cloud.counts()["create_vm"] == 1
    assert [row["api_version"] for row in cloud.calls()][:2] == [None, 2]


async def test_errors_keep_their_type(client: ExecutableClient) -> None:
    with pytest.raises(VMNotFound):
        await client.call("delete_vm", ["vm-nowhere"])
    with pytest.raises(MethodNotImplemented):
        await client.call("create_network", [{}])
    disk = await client.call("create_disk", [64, {}, None])
    with pytest.raises(DiskNotAttached):
        await client.call("detach_disk", ["vm-nowhere", disk])


async def test_a_slow_call_is_ended_at_its_deadline(cloud: DummyCloud, client: ExecutableClient) -> None:
    cloud.plant_fault("create_disk", seconds=30)
    with pytest.raises(DeadlineExceeded):
        await client.call("create_disk", [64, {}, None], deadline=0.5)
    assert cloud.rows("disks") == []


async def test_a_retryable_failure_says_so(cloud: DummyCloud, client: ExecutableClient) -> None:
    cloud.plant_fault(
        "create_disk", error={"type": "Bosh::Clouds::NoDiskSpace", "message": "full", "ok_to_retry": True}
    )
    with pytest.raises(CpiError, match="full") as caught:
        await client.call("create_disk", [64, {}, None])
    assert caught.value.ok_to_retry is True
    assert await client.call("create_disk", [64, {}, None])


async def test_many_at_once(cloud: DummyCloud, client: ExecutableClient) -> None:
    made = await asyncio.gather(*(client.call("create_disk", [64, {}, None]) for _ in range(8)))
    assert len(set(map(str, made))) == 8
    assert len(cloud.calls()) == 8


async def test_no_executable(tmp_path: Path) -> None:
    with pytest.raises(CloudError, match="is not an executable file"):
        await ExecutableClient(tmp_path / "missing").call("info")
