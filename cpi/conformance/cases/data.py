"""What is written on a disk stays there. Needs probes that write and read as the VM does."""

from __future__ import annotations

import secrets

from cpi.conformance.case import case, documented
from cpi.conformance.trial import Trial, Vm

WANTS = ("probes.write", "probes.read")


@case(
    "data.detach",
    must="What is on a disk must be there after it was detached and attached to another VM.",
    why="So every recreated instance gets its data back.",
    source=documented("detach_disk"),
    wants=WANTS,
)
async def detach(trial: Trial) -> None:
    vm, other, disk = await trial.vm(), await trial.new_vm(), await trial.new_disk()
    text = await _write(trial, vm, disk)
    await trial.call("detach_disk", vm.cid, disk)
    await _read(trial, other, disk, text)


@case(
    "data.delete-vm",
    must="What is on a disk must be there after its VM was deleted with the disk attached.",
    why="A VM that cannot be reached any more is deleted so; the data must outlive it.",
    source=documented("delete_vm"),
    wants=WANTS,
)
async def delete_vm(trial: Trial) -> None:
    vm, other, disk = await trial.new_vm(), await trial.vm(), await trial.new_disk()
    text = await _write(trial, vm, disk)
    await trial.call("delete_vm", vm.cid)
    trial.ledger.drop(vm.cid)
    await _read(trial, other, disk, text)


@case(
    "data.reboot",
    must="What is on a disk must be there after reboot_vm, and the disk still be attached.",
    why="A reboot must not cost an instance its data.",
    source=documented("reboot_vm"),
    needs=("reboot_vm",),
    wants=WANTS,
)
async def reboot(trial: Trial) -> None:
    vm, disk = await trial.new_vm(), await trial.new_disk()
    text = await _write(trial, vm, disk)
    await trial.call("reboot_vm", vm.cid)
    await _read(trial, vm, disk, text)


@case(
    "data.resize",
    must="What is on a disk must be there after resize_disk.",
    why="The director grows disks in place of copying them because it trusts in this.",
    source=documented("resize_disk"),
    needs=("resize_disk",),
    wants=WANTS,
)
async def resize(trial: Trial) -> None:
    vm, disk = await trial.vm(), await trial.new_disk()
    text = await _write(trial, vm, disk)
    await trial.call("detach_disk", vm.cid, disk)
    await trial.call("resize_disk", disk, trial.config.disk_grown)
    await _read(trial, vm, disk, text)


async def _write(trial: Trial, vm: Vm, disk: str) -> str:
    text = secrets.token_hex(16)
    hint = await trial.call("attach_disk", vm.cid, disk)
    await trial.probe("write", vm=vm.cid, disk=disk, hint=hint, text=text)
    return text


async def _read(trial: Trial, vm: Vm, disk: str, text: str) -> None:
    hint = await trial.call("attach_disk", vm.cid, disk)
    found = str(await trial.probe("read", vm=vm.cid, disk=disk, hint=hint)).strip()
    trial.expect(found == text, f"written was {text!r}, read is {found[:80]!r}")
    await trial.call("detach_disk", vm.cid, disk)
