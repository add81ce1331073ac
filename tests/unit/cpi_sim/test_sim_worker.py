"""The plugin through the warm worker, as a director uses it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from cpi.client import WorkerClient
from cpi.contract import CloudError, DeadlineExceeded, WorkerDied


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def worker() -> AsyncIterator[WorkerClient]:
    client = WorkerClient("sim")
    await client.start()
    yield client
    await client.close()


class Caller:
    """Calls with the properties of one cloud."""

    def __init__(self, worker: WorkerClient, directory: Path, **properties: Any) -> None:
        self._worker = worker
        self._context = {"state_dir": str(directory / "cloud"), **properties}
        self.image = directory / "image"
        self.image.write_bytes(b"image")

    async def __call__(self, method: str, *arguments: Any, key: str = "", deadline: float = 30) -> Any:
        context = {**self._context, **({"key": key} if key else {})}
        return await self._worker.call(method, arguments, context, deadline)


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_every_call_of_the_contract(worker: WorkerClient, tmp_path: Path) -> None:
    cpi = Caller(worker, tmp_path, zones=["z1"])
    info = await cpi("info")
    assert info["stemcell_formats"] == ["sim"]
    assert "find" in info["meristem"]["capabilities"]
    stemcell = await cpi("create_stemcell", str(cpi.image), {}, key="s")
    networks = {"a": {"type": "manual", "ip": "10.0.0.2", "netmask": "255.255.255.0", "gateway": "10.0.0.1"}}
    vm, settled = await cpi("create_vm", "agent-1", stemcell, {}, networks, [], {}, key="v")
    assert settled["a"]["ip"] == "10.0.0.2"
    assert settled["a"]["mac"].startswith("02:")
    assert await cpi("has_vm", vm) is True
    await cpi("set_vm_metadata", vm, {"job": "web"})
    assert await cpi("calculate_vm_cloud_properties", {"cpu": 2, "ram": 64, "ephemeral_disk_size": 1}) == {
        "cpu": 2, "ram": 64, "ephemeral_disk_size": 1,
    }  # fmt: skip
    disk = await cpi("create_disk", 64, {}, vm, key="d")
    assert await cpi("has_disk", disk) is True
    hint = await cpi("attach_disk", vm, disk)
    assert hint["id"] == disk
    assert await cpi("get_disks", vm) == [disk]
    await cpi("reboot_vm", vm)
    await cpi("detach_disk", vm, disk)
    await cpi("resize_disk", disk, 128)
    assert await cpi("update_disk", disk, 256, {}) is None
    await cpi("set_disk_metadata", disk, {"a": "b"})
    shot = await cpi("snapshot_disk", disk, {}, key="shot")
    assert await cpi("find", "snapshot", "shot") == shot
    await cpi("delete_snapshot", shot)
    with pytest.raises(CloudError.__base__, match="recreate it"):  # NotSupported
        await cpi("configure_networks", vm, networks)
    network, addresses, properties = await cpi("create_network", {"type": "manual", "range": "10.1.0.0/24"})
    assert (addresses["range"], properties) == ("10.1.0.0/24", {"name": network})
    await cpi("delete_network", network)
    for method, cid in (("delete_vm", vm), ("delete_disk", disk), ("delete_stemcell", stemcell)):
        await cpi(method, cid)
        await cpi(method, cid)
    assert [await cpi("find", kind, key) for kind, key in (("vm", "v"), ("disk", "d"), ("stemcell", "s"))] == [None] * 3


async def test_a_lost_answer_hangs_past_its_deadline(worker: WorkerClient, tmp_path: Path) -> None:
    cpi = Caller(worker, tmp_path, faults=[{"kind": "lost", "method": "create_disk", "how": "hang"}])
    with pytest.raises(DeadlineExceeded) as late:
        await cpi("create_disk", 1, {}, key="d", deadline=4)
    assert late.value.facts.started
    assert (await cpi("find", "disk", "d")).startswith("sim-disk-")


async def test_a_slow_call_past_its_deadline_does_nothing(worker: WorkerClient, tmp_path: Path) -> None:
    cpi = Caller(worker, tmp_path, latency={"create_disk": 600})
    with pytest.raises(DeadlineExceeded):
        await cpi("create_disk", 1, {}, key="d", deadline=0.2)
    await asyncio.sleep(0.6)
    assert await cpi("find", "disk", "d") is None


async def test_a_worker_that_dies_after_the_effect(worker: WorkerClient, tmp_path: Path) -> None:
    cpi = Caller(worker, tmp_path, faults=[{"kind": "lost", "method": "create_disk", "how": "die", "nth": 1}])
    with pytest.raises(WorkerDied):
        await cpi("create_disk", 1, {}, key="d")
    found = await cpi("find", "disk", "d")
    assert await cpi("create_disk", 1, {}, key="d") == found


async def test_a_wrong_property_is_an_answer(worker: WorkerClient, tmp_path: Path) -> None:
    with pytest.raises(CloudError, match=r"sim property quota\.vms must be a whole number"):
        await Caller(worker, tmp_path, quota={"vms": "many"})("has_vm", "no")
