"""What create_vm takes and answers, version by version, and what it must refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from cpi.conformance.case import BOSH, case, documented
from cpi.conformance.trial import Trial, Vm
from cpi.contract import CpiError, Json

V2 = f"{BOSH}cpi-api-v2-method/create-vm/"


@case(
    "vm.create.v1",
    must="create_vm of version 1 must answer the CID alone, a string.",
    why="A director of version 1 takes whatever comes back for the CID.",
    source=documented("create_vm"),
    version=1,
)
async def version_1(trial: Trial) -> None:
    vm = await trial.new_vm(version=1)
    trial.expect(isinstance(vm.answer, str), f"it answered {vm.answer!r}")


@case(
    "vm.create.v2",
    must="create_vm of version 2 must answer [CID, networks].",
    why="The director takes the two apart; a string would lose its second letter.",
    source=V2,
    version=2,
)
async def version_2(trial: Trial) -> None:
    await _pair(trial, 2)


@case(
    "vm.create.v3",
    must="create_vm of version 3 must answer [CID, networks], as version 2 does.",
    why="The director of today speaks version 3.",
    source=V2,
    version=3,
)
async def version_3(trial: Trial) -> None:
    await _pair(trial, 3)


@case(
    "vm.create.networks",
    must="The networks answered by create_vm must be all those given, with the address of each manual one, and what the cloud added.",
    why="The agent gets its networks from this answer.",
    source=V2,
    version=2,
)
async def networks(trial: Trial) -> None:
    vm = await trial.vm()
    answered = _networks(vm)
    trial.expect(set(answered) == set(vm.networks), f"asked for {sorted(vm.networks)}, answered {sorted(answered)}")
    for name, given in vm.networks.items():
        entry = answered[name]
        trial.expect(isinstance(entry, Mapping), f"network {name} is {entry!r}")
        if given.get("type") == "manual":
            got = cast(Json, entry).get("ip")
            trial.expect(got == given["ip"], f"network {name} was to have {given['ip']}, it has {got!r}")


@case(
    "vm.create.settings",
    must="The agent of a new VM must find its agent id, its networks and its env in its settings.",
    why="Without them the agent never comes to the bus, and the deploy waits for it in vain.",
    source=f"{BOSH}cpi-api-v2/",
    wants=("probes.settings",),
)
async def settings(trial: Trial) -> None:
    import json

    vm = await trial.vm()
    told = await trial.probe("settings", vm=vm.cid)
    found = cast(Json, json.loads(told) if isinstance(told, str) else told)
    trial.expect(found.get("agent_id") == vm.agent_id, f"agent_id is {found.get('agent_id')!r}, not {vm.agent_id!r}")
    trial.expect(found.get("env") == vm.env, "env is not what create_vm was given")
    given = found.get("networks")
    entries = cast(Json, given) if isinstance(given, Mapping) else {}
    for name, network in vm.networks.items():
        entry = entries.get(name)
        got = cast(Json, entry).get("ip") if isinstance(entry, Mapping) else None
        wanted = network.get("ip")
        trial.expect(wanted is None or got == wanted, f"network {name} has {got!r} in the settings, not {wanted!r}")


@case(
    "vm.create.disk-hints",
    must="create_vm must take the CIDs of disks as hints where to place the VM, and must not attach them.",
    why="The director attaches them itself; a disk attached twice fails the deploy.",
    source=documented("create_vm"),
)
async def hints(trial: Trial) -> None:
    disk = await trial.new_disk()
    vm = await trial.new_vm(disks=(disk,))
    if trial.declares("get_disks"):
        found = await trial.call("get_disks", vm.cid)
        trial.expect(found == [], f"get_disks of a new VM answered {found!r}")
    await trial.call("attach_disk", vm.cid, disk)


@case(
    "vm.create.unknown-stemcell",
    must="create_vm from a stemcell that is gone must fail without ok_to_retry, and leave nothing behind.",
    why="With ok_to_retry the director tries it five times, each time in vain.",
    source=documented("create_vm"),
)
async def unknown_stemcell(trial: Trial) -> None:
    gone, before = await trial.gone("stemcell"), await trial.inventory()
    error, key = await trial.not_made("vm", trial.vm_arguments(gone), (CpiError,))
    trial.expect(not error.ok_to_retry, f"{error.type_name} ({error.message}) says ok_to_retry")
    await trial.nothing_came(key, "vm", before)


@case(
    "vm.create.bad-network",
    must="create_vm with a network that makes no sense must fail without ok_to_retry, and leave nothing behind.",
    why="What is left of a failed creation holds its address, and is paid for, until somebody finds it.",
    source="cpi-contract: create_* must not leak",
)
async def bad_network(trial: Trial) -> None:
    arguments, before = trial.vm_arguments(await trial.stemcell()), await trial.inventory()
    arguments[3] = {"odd": {"type": "quantum", "ip": "nowhere", "cloud_properties": {}}}
    error, key = await trial.not_made("vm", arguments, (CpiError,))
    trial.expect(not error.ok_to_retry, f"{error.type_name} ({error.message}) says ok_to_retry")
    await trial.nothing_came(key, "vm", before)


async def _pair(trial: Trial, version: int) -> None:
    vm = await trial.new_vm(version=version)
    trial.expect(
        isinstance(vm.answer, list) and len(vm.answer) == 2 and isinstance(vm.answer[1], dict),
        f"it answered {vm.answer!r}",
    )


def _networks(vm: Vm) -> Json:
    answer = vm.answer
    second = answer[1] if isinstance(answer, list) and len(answer) == 2 else None
    return cast(Json, second) if isinstance(second, Mapping) else {}
