"""The director's cloud port over real clients: a warm worker, and the same plugin as a one-shot executable."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
import time
from pathlib import Path

import pytest

from cpi.client import WorkerClient
from cpi.lock import is_free
from director.adapters.cloud import CpiClouds, CpiSpec
from director.model.errors import CloudError, CloudNotFound, CloudNotSupported, CloudUnsettled
from director.ports.cloud import VmStatus

PLUGIN = "tests.unit.cpi.ledger_cloud"
ROOT = Path(__file__).resolve().parents[5]
NETWORKS = {"default": {"type": "manual", "ip": "10.0.0.2", "netmask": "255.255.255.0", "cloud_properties": {}}}


def _wrapper(path: Path) -> Path:
    path.write_text(f"#!/bin/sh\ncd {ROOT}\nexec {sys.executable} -m cpi.exec {PLUGIN}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture(params=["worker", "executable"])
async def clouds(request, tmp_path):
    specs = [
        CpiSpec(
            "east",
            PLUGIN,
            exec_path=str(_wrapper(tmp_path / "cpi")) if request.param == "executable" else None,
            properties={"dir": str(tmp_path / "cloud"), "password": "s3cretpw"},
            migrated_from=("",),
        )
    ]

    async def read():
        return specs

    made = CpiClouds(read, director_uuid="uuid-1", locks=tmp_path / "locks")
    made.kind = request.param
    made.specs = specs
    yield made
    await made.close()


async def _vm(cloud, key="vm-k1", properties=None):
    stemcell = await cloud.create_stemcell("/image", {}, key="stemcell-k1", tags={"a": "b"})
    return await cloud.create_vm(
        "agent-1", stemcell, properties or {}, NETWORKS, [], {"bosh": {}}, key=key, stemcell_api=3
    )


async def test_a_vm_and_its_disk_from_birth_to_death(clouds):
    cloud = await clouds.get("east")
    info = await cloud.info()
    assert (info.api_version, info.stemcell_formats, info.can_find) == (3, ("ledger-raw",), True)
    vm = await _vm(cloud)
    assert vm.networks["default"]["ip"] == "10.0.0.2"
    assert vm.networks["default"]["mac"]
    assert await cloud.has_vm(vm.cid)
    await cloud.set_vm_metadata(vm.cid, {"deployment": "d"})
    disk = await cloud.create_disk(100, {}, vm.cid, key="disk-k1")
    assert await cloud.attach_disk(vm.cid, disk, stemcell_api=3) == {"path": "/dev/sdb"}
    await cloud.detach_disk(vm.cid, disk)
    with pytest.raises(CloudError) as detached:
        await cloud.detach_disk(vm.cid, disk)
    assert (detached.value.type, detached.value.code) == ("Bosh::Clouds::DiskNotAttached", 390001)
    await cloud.resize_disk(disk, 200)
    with pytest.raises(CloudNotSupported, match="cannot shrink"):
        await cloud.resize_disk(disk, 50)
    await cloud.set_disk_metadata(disk, {"a": "b"})  # the plugin has no such call: no error
    await cloud.delete_disk(disk)
    assert not await cloud.has_disk(disk)
    await cloud.delete_vm(vm.cid)
    await cloud.delete_vm(vm.cid)
    assert not await cloud.has_vm(vm.cid)


async def test_missing_things_are_not_found(clouds):
    cloud = await clouds.get("east")
    with pytest.raises(CloudNotFound) as error:
        await cloud.attach_disk("vm-x", "disk-x", stemcell_api=3)
    assert error.value.type == "Bosh::Clouds::VMNotFound"
    assert error.value.method == "attach_disk"
    assert error.value.request_id.startswith("cpi-")
    assert error.value.request_id.removeprefix("cpi-").isdigit()


async def test_retry_is_told_as_the_cpi_said(clouds):
    cloud = await clouds.get("east")
    for retry in (True, False):
        with pytest.raises(CloudError, match="asked to fail") as error:
            await _vm(cloud, properties={"fail": "Bosh::Clouds::VMCreationFailed", "retry": retry})
        assert error.value.ok_to_retry is retry


async def test_log_lines_carry_the_request_id_and_no_secret(clouds):
    cloud = await clouds.get("east")
    lines: list[str] = []
    await cloud.create_disk(1, {"say": "password is s3cretpw"}, "", key="disk-1", log=lines.append)
    assert any("password is <redacted>" in line for line in lines)
    assert all(line.startswith("[cpi-") for line in lines)
    assert "s3cretpw" not in "\n".join(lines)


async def test_find_by_key(clouds):
    cloud = await clouds.get("east")
    vm = await _vm(cloud, key="vm-find")
    assert await cloud.find("vm", "vm-find") == vm.cid
    assert await cloud.find("vm", "vm-other") is None
    again = await _vm(cloud, key="vm-find")
    assert again.cid == vm.cid


async def test_many_keys_are_one_call(clouds):
    cloud = await clouds.get("east")
    assert (await cloud.info()).can_find_all
    vm = await _vm(cloud, key="vm-one")
    lines: list[str] = []
    assert await cloud.find_all("vm", ["vm-one", "vm-none"], log=lines.append) == {"vm-one": vm.cid}
    assert await cloud.find_all("disk", ["vm-one"]) == {}
    assert len([line for line in lines if "find_all: ok" in line]) == 1


async def test_the_state_of_many_vms_is_one_call(clouds):
    cloud = await clouds.get("east")
    vm = await _vm(cloud, key="vm-state")
    found = await cloud.vm_status([vm.cid, "vm-gone", "vm-nobody-knows"], console=20)
    assert found == {
        vm.cid: VmStatus(power="on", addresses=("10.0.0.2",), boot="1", console="s <redacted>, 20 bytes"),
        "vm-gone": VmStatus(exists=False),
    }
    assert (await cloud.vm_status([vm.cid]))[vm.cid].console == ""


async def test_a_stock_cpi_gets_no_key_and_is_never_asked_to_find(tmp_path):
    requests = tmp_path / "requests"
    program = tmp_path / "stock"
    program.write_text(
        f'#!/bin/sh\nread -r line; echo "$line" >> {requests}\n'
        'case $line in *\'"method": "info"\'*) result=\'{"api_version": 2, "stemcell_formats": ["raw"]}\';;'
        " *) result='\"disk-1\"';; esac\n"
        'echo "{\\"result\\": $result, \\"error\\": null, \\"log\\": \\"\\"}"\n'
    )
    program.chmod(0o755)

    async def read():
        return [CpiSpec("", "stock", str(program), {"auth_url": "x"})]

    made = CpiClouds(read, director_uuid="uuid-1", locks=tmp_path)
    cloud = await made.get("")
    assert (await cloud.info()).can_find is False
    assert await cloud.create_disk(5, {}, "", key="disk-k") == "disk-1"
    with pytest.raises(CloudNotSupported, match="cannot find a disk by its key"):
        await cloud.find("disk", "disk-k")
    with pytest.raises(CloudNotSupported, match="finds by one key at a time"):
        await cloud.find_all("disk", ["disk-k"])
    with pytest.raises(CloudNotSupported, match="cannot tell how its VMs are"):
        await cloud.vm_status(["vm-1"])
    info, create = [json.loads(line) for line in requests.read_text().splitlines()]
    assert "api_version" not in info
    assert create["api_version"] == 2
    assert set(create["context"]) == {"auth_url", "director_uuid", "request_id"}


async def test_a_cpi_of_the_first_version_is_refused(tmp_path):
    program = tmp_path / "old"
    program.write_text(
        '#!/bin/sh\ncat > /dev/null\necho \'{"result": {"api_version": 1}, "error": null, "log": ""}\'\n'
    )
    program.chmod(0o755)

    async def read():
        return [CpiSpec("", "old", str(program))]

    cloud = await CpiClouds(read, director_uuid="u", locks=tmp_path).get("")
    with pytest.raises(CloudError, match="speaks api_version 1; the director needs 2 or newer"):
        await cloud.create_disk(5, {}, "", key="k")


async def test_a_call_lost_in_a_crash_is_unsettled_and_the_next_one_works(clouds):
    cloud = await clouds.get("east")
    with pytest.raises(CloudUnsettled) as error:
        await _vm(cloud, properties={"crash": "exit"})
    assert error.value.type in ("Meristem::WorkerDied", "Meristem::InvalidResponse")
    assert (await _vm(cloud, key="vm-after")).cid


async def test_names_former_names_and_changed_properties(clouds, tmp_path):
    assert await clouds.names() == ["east"]
    former = await clouds.get("")
    assert former.name == "east"
    assert former is await clouds.get("east")
    with pytest.raises(CloudError, match="'west' is not configured; configured are: 'east'"):
        await clouds.get("west")
    disk = await former.create_disk(1, {}, "", key="disk-1")
    clouds.specs[0] = CpiSpec("east", PLUGIN, clouds.specs[0].exec_path, {"dir": str(tmp_path / "elsewhere")})
    changed = await clouds.get("east")
    assert changed is not former
    assert not await changed.has_disk(disk)


async def test_the_lock_tells_whether_the_worker_lives(clouds):
    await clouds.get("east")
    free_while_open = is_free(clouds.lock_of(PLUGIN))
    assert free_while_open is (clouds.kind == "executable")
    await clouds.close()
    assert is_free(clouds.lock_of(PLUGIN))


async def test_what_cannot_be_started_says_why(tmp_path):
    async def read():
        return [CpiSpec("a", "nowhere"), CpiSpec("b", "no.such.module")]

    made = CpiClouds(read, director_uuid="u", locks=tmp_path)
    with pytest.raises(CloudError, match=r"/var/vcap/jobs/nowhere_cpi/bin/cpi: is not an executable file"):
        await made.get("a")
    with pytest.raises(CloudError, match=r"cannot be imported"):
        await made.get("b")
    await made.close()


async def test_nothing_is_asked_before_the_former_lifes_calls_have_ended(tmp_path):
    """Also where the former life's worker holds another lock than the one that this life's will take."""
    cloud, locks = tmp_path / "cloud", tmp_path / "locks"

    async def read():
        return [CpiSpec("", PLUGIN, properties={"dir": str(cloud)})]

    former = WorkerClient(PLUGIN, lock=locks / "cpi-other.lock")
    await former.start()
    late = asyncio.create_task(former.call("create_disk", [1, {"sleep": 0.5}], {"dir": str(cloud), "key": "late"}))
    await asyncio.sleep(0.1)
    ending = asyncio.create_task(former.close())
    made = CpiClouds(read, director_uuid="u", locks=locks)
    found = await (await made.get("")).find("disk", "late")
    await ending
    assert found == await late
    await made.close()


async def test_a_former_worker_that_does_not_end_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("director.adapters.cloud.former.SPARE", 20.0)  # to be gone, once it was told to end
    monkeypatch.setattr("cpi.warden.FINISH", -19.7)  # 0.3 s until it is told
    former = WorkerClient(PLUGIN, lock=tmp_path / "cpi-other.lock")
    await former.start()

    async def read():
        return [CpiSpec("", PLUGIN)]

    made = CpiClouds(read, director_uuid="u", locks=tmp_path)
    assert await made.names() == [""]
    await made.alone()
    assert is_free(tmp_path / "cpi-other.lock")
    until = time.monotonic() + 30
    while former.pid is not None:  # it is dead, as its lock is free; its client has to hear of it
        assert time.monotonic() < until
        await asyncio.sleep(0.01)
    await former.close()
