"""The life of a VM."""

from __future__ import annotations

from cpi.conformance.case import case, documented
from cpi.conformance.trial import Trial
from cpi.contract import CpiError, VMNotFound


@case(
    "vm.create",
    must="create_vm must answer the CID of a new VM: a string of 1 to 255 printable characters, another one for each VM.",
    why="The director keeps the CID as it is, and reaches the VM by nothing else.",
    source=documented("create_vm"),
)
async def create(trial: Trial) -> None:
    first, second = await trial.vm(), await trial.new_vm()
    trial.expect(first.cid != second.cid, f"two VMs have the CID '{first.cid}'")


@case(
    "vm.has",
    must="has_vm must answer true for a VM that exists.",
    why="Cloud check would take the VM for lost, and make another one beside it with the same address.",
    source=documented("has_vm"),
    needs=("has_vm",),
)
async def has(trial: Trial) -> None:
    vm = await trial.vm()
    trial.expect(await trial.is_there("vm", vm.cid), f"has_vm('{vm.cid}') is false")


@case(
    "vm.has.gone",
    must="has_vm must answer false for a VM that is gone.",
    why="Cloud check would leave a lost VM as it is, and the instance would never come back.",
    source=documented("has_vm"),
    needs=("has_vm",),
)
async def has_gone(trial: Trial) -> None:
    gone = await trial.gone("vm")
    trial.expect(not await trial.is_there("vm", gone), f"'{gone}' was deleted, and has_vm is true")


@case(
    "vm.delete",
    must="delete_vm must not return before the VM is gone, with its address free for another one.",
    why="The next create_vm takes the same address at once.",
    source=documented("delete_vm"),
)
async def delete(trial: Trial) -> None:
    before = await trial.inventory()
    vm = await trial.new_vm()
    await trial.call("delete_vm", vm.cid)
    trial.ledger.drop(vm.cid)
    if trial.declares("has_vm"):
        trial.expect(not await trial.is_there("vm", vm.cid), f"'{vm.cid}' was deleted, and has_vm is true")
    after = await trial.inventory()
    trial.expect(before == after, f"delete_vm left {sorted((after or set()) - (before or set()))}")
    again = trial.vm_arguments(await trial.stemcell())
    again[3] = vm.networks
    await trial.new_vm(arguments=again)


@case(
    "vm.delete.gone",
    must="delete_vm of a VM that is gone must succeed, or raise VMNotFound.",
    why="A delete whose answer was lost is repeated; with any other answer the task fails for ever.",
    source=documented("delete_vm"),
)
async def delete_gone(trial: Trial) -> None:
    await trial.tolerated("delete_vm", await trial.gone("vm"), by=(VMNotFound,))


@case(
    "vm.reboot",
    must="reboot_vm must restart the VM, which keeps its CID.",
    why="Cloud check offers it as the mildest remedy for a silent agent.",
    source=documented("reboot_vm"),
    needs=("reboot_vm",),
)
async def reboot(trial: Trial) -> None:
    vm = await trial.vm()
    before = await trial.status(vm.cid)
    await trial.call("reboot_vm", vm.cid)
    if trial.declares("has_vm"):
        trial.expect(await trial.is_there("vm", vm.cid), f"after reboot_vm '{vm.cid}' is gone")
    after = await trial.status(vm.cid)
    started_again = not before or not before.get("boot") or before["boot"] != (after or {}).get("boot")
    trial.expect(started_again, f"vm_status tells the same start before and after: {before}")


@case(
    "vm.reboot.gone",
    must="reboot_vm of a VM that is gone must raise VMNotFound.",
    why="Silence would be taken for a remedy that worked.",
    source=documented("reboot_vm"),
    needs=("reboot_vm",),
)
async def reboot_gone(trial: Trial) -> None:
    await trial.refused("reboot_vm", await trial.gone("vm"), by=(VMNotFound,))


@case(
    "vm.status",
    must="vm_status must tell a VM that exists from one that is gone, for all CIDs of one call.",
    why="The director gives up VMs for what stands here, and asks for all that are late at once.",
    source="cpi/contract.py, vm_status",
    needs=("vm_status",),
)
async def status(trial: Trial) -> None:
    vm, gone = await trial.vm(), await trial.gone("vm")
    answer = await trial.call("vm_status", [vm.cid, gone], 0)
    trial.expect(isinstance(answer, dict) and set(answer) == {vm.cid, gone}, f"vm_status answered {answer!r}")
    here, there = await trial.status(vm.cid), await trial.status(gone)
    trial.expect(here and here.get("exists") is True, f"of a VM that exists it tells {here}")
    trial.expect(here and here.get("power") in ("on", "unknown"), f"of a VM that runs it tells {here}")
    trial.expect(there and there.get("exists") is False, f"of a VM that is gone it tells {there}")


@case(
    "vm.vanished",
    must="A VM that vanished by itself must be told as gone by has_vm, and delete_vm must succeed or raise VMNotFound.",
    why="VMs do vanish; the instance can come back only when the CPI admits it.",
    source=documented("has_vm"),
    needs=("has_vm",),
    wants=("probes.vanish",),
)
async def vanished(trial: Trial) -> None:
    vm = await trial.new_vm()
    await trial.probe("vanish", vm=vm.cid)
    trial.expect(not await trial.is_there("vm", vm.cid), f"'{vm.cid}' has vanished, and has_vm is true")
    await trial.tolerated("delete_vm", vm.cid, by=(VMNotFound,))


@case(
    "vm.configure-networks",
    must="configure_networks must change the networks, or raise NotSupported or NotImplemented; the VM stays.",
    why="On these two answers the director recreates the VM; any other one fails the deploy.",
    source=documented("configure_networks"),
    needs=("configure_networks",),
)
async def configure(trial: Trial) -> None:
    from cpi.contract import MethodNotImplemented, NotSupported

    vm = await trial.vm()
    answer = await trial.attempt("configure_networks", vm.cid, vm.networks)
    good = not isinstance(answer, CpiError) or isinstance(answer, NotSupported | MethodNotImplemented)
    trial.expect(good, f"configure_networks answered {answer!r}")
    if trial.declares("has_vm"):
        trial.expect(await trial.is_there("vm", vm.cid), f"after configure_networks '{vm.cid}' is gone")


@case(
    "vm.calculate",
    must="calculate_vm_cloud_properties must answer a hash that create_vm takes.",
    why="Manifests with vm_resources have no other cloud properties.",
    source=documented("calculate_vm_cloud_properties"),
    needs=("calculate_vm_cloud_properties",),
)
async def calculate(trial: Trial) -> None:
    wanted = {"cpu": 1, "ram": 512, "ephemeral_disk_size": 1024}
    answer = await trial.call("calculate_vm_cloud_properties", wanted)
    trial.expect(isinstance(answer, dict), f"it answered {answer!r}")
    merged = {**trial.config.vm_properties, **(answer if isinstance(answer, dict) else {})}
    await trial.new_vm(arguments=trial.vm_arguments(await trial.stemcell(), merged))
