"""VMs that die come back by themselves, and only those that are dead."""

from __future__ import annotations

import yaml
from msgspec.structs import replace

from director.engine.journal import stored_plan
from director.model.rows import ConfigRow, StemcellRow, VmRow
from director.observe.settings import HealthSettings
from director.ports.cloud import VmStatus
from director.ports.store import Changes
from director.service.monitor import Monitor
from director.service.resurrection import pause_resurrection
from tests.scenario.town import Town, cloud_config, manifest
from tests.scenario.watched import Watched, watched

BOTH = manifest()


async def test_a_lost_vm_comes_back_with_its_disk(town: Town) -> None:
    await town.deploy(BOTH)
    (disk,) = town.cloud.inventory.disks
    async with watched(town) as street:
        assert await street.pass_time(200) == []
        lost = await street.lose("db")
        (task,) = await street.pass_time(120)
        assert (task.type, task.user, task.state) == ("cck_scan_and_fix", "hm", "done"), task.result
        _, vm = await street.vm("db")
        assert vm.cid != lost.cid
        assert vm.networks == lost.networks
        assert (await town.guest("db")).mounted == [disk]
        assert await street.pass_time(600) == []
        told = await street.alerts()
        assert f"{lost.agent_id} has timed out" in told
        assert any("the cloud has no such VM" in one for one in told)
        assert len(told) == 2, "each is told once"
        status = street.monitor.status()
        (shown,) = status["deployments"]
        assert (shown["instances"], shown["silent"], shown["repairs_last_hour"]) == (3, [], 1)
    await town.check()


async def test_an_agent_that_answers_is_alive_without_heartbeats(town: Town) -> None:
    await town.deploy(BOTH)
    async with watched(town) as street:
        await street.pass_time(100)
        row, _ = await street.vm("web", 1)
        town.agents.mute.add(row.agent_id)
        assert await street.pass_time(1200) == []
        assert any("Heartbeats are missing. Left alone: the agent answers" in one for one in await street.alerts())


async def test_a_vm_that_its_cloud_has_is_given_time(town: Town) -> None:
    await town.deploy(BOTH)
    async with watched(town, silent_vms=600) as street:
        await street.pass_time(100)
        row, vm = await street.vm("web", 1)
        town.agents.silent.add(row.agent_id)
        assert await street.pass_time(500) == []
        assert any("Agent and cloud disagree" in one for one in await street.alerts())
        (task,) = await street.pass_time(200)
        assert task.state == "done", task.result
        assert vm.cid not in town.cloud.inventory.vms
    await town.check()


async def silence(town: Town, street: Watched) -> VmRow:
    """The database's VM hangs: its cloud still has it."""
    await street.pass_time(100)
    row, vm = await street.vm("db")
    town.agents.silent.add(row.agent_id)
    town.cloud.inventory.vms[vm.cid].shown = VmStatus(power="unknown")
    return vm


async def test_where_addresses_allow_the_new_vm_is_made_before_the_old_one_goes(town: Town) -> None:
    config = cloud_config()
    subnets = [{"azs": [f"z{number}"], "cloud_properties": {}} for number in (1, 2, 3)]
    config["networks"] = [{"name": "default", "type": "dynamic", "subnets": subnets}]
    await town.configure(config)
    await town.deploy(BOTH)
    (disk,) = town.cloud.inventory.disks
    async with watched(town, silent_vms=120) as street:
        vm = await silence(town, street)
        town.cloud.script.fail("create_vm", town.cloud.refused("create_vm"))
        (failed, task) = await street.pass_time(400)
        assert (failed.state, task.state) == ("error", "done"), task.result
        plan = await stored_plan(town.store, task.id)
        assert plan is not None
        kinds = [step.kind for step in plan.stages[0].units[0].steps]
        assert kinds[:3] == ["begin_instance", "delete_vm", "create_vm"], "first what the try before left"
        assert kinds[3:10] == [
            "wait_agent", "unmount_disk", "detach_disk", "swap_vm", "delete_vm", "attach_disk", "mount_disk",
        ]  # fmt: skip
        causes = [str(cause) for cause in plan.stages[0].units[0].steps[0].causes]
        assert any("quota" in one for one in causes)
        assert vm.cid not in town.cloud.inventory.vms
        assert (await town.guest("db")).mounted == [disk]
    assert {row.cid for row in await town.store.find(VmRow)} == set(town.cloud.inventory.vms)


async def test_a_vm_is_not_deleted_when_no_other_can_be_made(town: Town) -> None:
    await town.deploy(BOTH)
    async with watched(town, silent_vms=120) as street:
        vm = await silence(town, street)
        (stemcell,) = await town.store.find(StemcellRow)
        await town.store.commit(Changes(put=[replace(stemcell, cid="")]))
        tasks = await street.pass_time(200)
        assert {task.state for task in tasks} == {"done"}
        output, _ = await town.store.read_output(tasks[0].id, "event")
        assert "The VM is kept, as no other can be made: stemcell" in output.decode()
        assert vm.cid in town.cloud.inventory.vms
        await town.store.commit(Changes(put=[stemcell]))
        await street.pass_time(400)
        assert vm.cid not in town.cloud.inventory.vms
    await town.check()


async def test_a_vm_that_is_switched_off_is_made_anew(town: Town) -> None:
    await town.deploy(BOTH)
    async with watched(town) as street:
        await street.pass_time(100)
        row, vm = await street.vm("web", 1)
        town.agents.silent.add(row.agent_id)
        town.cloud.inventory.vms[vm.cid].shown = VmStatus(power="off")
        (task,) = await street.pass_time(120)
        assert task.state == "done", task.result
        assert any("the cloud says that the VM is off" in one for one in await street.alerts())
    await town.check()


async def test_what_forbids_a_repair(town: Town) -> None:
    """A pause, a rule, an ignored instance, a lock and a bus that is away; then nothing."""
    await town.deploy(BOTH)
    async with watched(town) as street:
        await street.pass_time(100)
        row, _ = await street.vm("web", 1)
        await street.lose("web", 1)
        await pause_resurrection(town.house, True)
        assert await street.pass_time(200) == []
        assert street.monitor.status()["deployments"][0]["left_alone_because"] == "resurrection is paused"
        await pause_resurrection(town.house, False)

        rules = yaml.safe_dump({"rules": [{"enabled": False, "include": {"instance_groups": ["web"]}}]})
        config = ConfigRow(id=99, type="resurrection", name="default", content=rules, created_at=1)
        await town.store.commit(Changes(put=[config]))
        assert await street.pass_time(200) == []
        await town.store.commit(Changes(put=[replace(config, id=100, deleted=True)]))

        await town.store.commit(Changes(put=[replace(row, ignore=True)]))
        assert await street.pass_time(200) == []
        await town.store.commit(Changes(put=[row]))

        lease = await town.store.acquire("lock/deployment/d", "somebody/task/7", 1e9)
        assert lease is not None
        assert await street.pass_time(200) == []
        await town.store.release(lease)

        town.agents.bus = False
        assert await street.pass_time(300) == []
        town.agents.bus = True
        assert await street.pass_time(80) == [], "agents have their time to be heard again"
        (task,) = await street.pass_time(60)
        assert task.state == "done", task.result
    await town.check()


async def test_of_two_directors_one_mends(town: Town) -> None:
    await town.deploy(BOTH)
    async with watched(town) as street:
        other = Monitor(town.house, street.runner, HealthSettings(), owner="other#1")
        await street.pass_time(100)
        await street.lose("web")
        for _ in range(12):
            assert (await other.look()).repairs == ()
            await street.pass_time(10)
        assert [task.state for task in street.tasks] == ["done"]
        assert other.status()["looking"] is False
    await town.check()


async def test_a_repair_that_fails_is_tried_again_later_within_the_budget(town: Town) -> None:
    await town.deploy(BOTH)
    async with watched(town, repairs=3) as street:
        await street.pass_time(100)
        await street.lose("web")
        for nth in range(1, 30):
            town.cloud.script.fail("create_vm", town.cloud.refused("create_vm"), nth=nth)
        tasks = await street.pass_time(1800)
        assert [task.state for task in tasks] == ["error"] * 3
        assert any("The repair budget is used up" in one for one in await street.alerts())
        town.cloud.script._faults.clear()
        tasks = await street.pass_time(3600)
        assert [task.state for task in tasks] == ["done"]
    await town.check()


async def test_alerts_of_agents_and_agents_of_nobody(town: Town) -> None:
    await town.deploy(BOTH)
    async with watched(town) as street:
        await street.pass_time(30)
        row, vm = await street.vm("web")
        town.agents.alert(
            row.agent_id, {"id": "7", "severity": 2, "title": "web (10.0.1.2) - Does not exist - restart"}
        )
        stranger = replace_agent(town, vm.cid)
        await street.pass_time(200)
        told = await street.alerts()
        assert "web (10.0.1.2) - Does not exist - restart" in told
        assert f"{stranger} is not a part of any deployment" in told


def replace_agent(town: Town, cid: str) -> str:
    """A VM beside the others, of which no row tells."""
    vm = town.cloud.inventory.vms[cid]
    town.cloud.inventory.vms["stray"] = type(vm)("stray", "stray", "stray-agent", vm.stemcell_cid, {}, {})
    town.agents.admitted.add("stray-agent")
    return "stray-agent"
