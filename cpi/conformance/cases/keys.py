"""Keys: what a caller can find again by the name that it chose."""

from __future__ import annotations

from cpi.conformance.case import case
from cpi.conformance.subject import fresh_key
from cpi.conformance.trial import Trial
from cpi.contract import CpiError

SOURCE = "cpi/contract.py, Call.key and find"
WHY_FOUND = "The director whose call was cut off asks by the key; what it does not find it makes again, and the first one is a leak."
WHY_ONCE = (
    "A creation whose answer was lost is repeated under the same key; two objects would stand where one was wanted."
)


@case(
    "key.find.vm", must="find must answer the CID of the VM that was made under a key.",
    why=WHY_FOUND, source=SOURCE, needs=("find",),
)  # fmt: skip
async def find_vm(trial: Trial) -> None:
    vm = await trial.vm()
    found = await trial.find("vm", vm.key)
    trial.expect(found == vm.cid, f"made was '{vm.cid}', found is {found!r}")


@case(
    "key.find.disk", must="find must answer the CID of the disk that was made under a key.",
    why=WHY_FOUND, source=SOURCE, needs=("find",),
)  # fmt: skip
async def find_disk(trial: Trial) -> None:
    key = fresh_key("disk")
    disk = await trial.new_disk(key=key)
    found = await trial.find("disk", key)
    trial.expect(found == disk, f"made was '{disk}', found is {found!r}")


@case(
    "key.find.stemcell", must="find must answer the CID of the stemcell that was made under a key.",
    why=WHY_FOUND, source=SOURCE, needs=("find",),
)  # fmt: skip
async def find_stemcell(trial: Trial) -> None:
    cid, key = await trial.new_stemcell()
    found = await trial.find("stemcell", key)
    trial.expect(found == cid, f"made was '{cid}', found is {found!r}")


@case(
    "key.find.snapshot", must="find must answer the CID of the snapshot that was made under a key.",
    why=WHY_FOUND, source=SOURCE, needs=("find", "snapshot_disk", "delete_snapshot"),
)  # fmt: skip
async def find_snapshot(trial: Trial) -> None:
    disk = await trial.new_disk()
    _, cid, key = await trial.make("snapshot", [disk, {"deployment": "kit"}], method="snapshot_disk")
    found = await trial.find("snapshot", key)
    trial.expect(found == cid, f"made was '{cid}', found is {found!r}")


@case(
    "key.find.nothing",
    must="find must answer null for a key under which nothing was made, and for what was made under it and deleted.",
    why="What it answers is adopted: a VM of somebody else would be taken over and, later, deleted.",
    source=SOURCE,
    needs=("find",),
)
async def find_nothing(trial: Trial) -> None:
    vm, key = await trial.vm(), fresh_key("disk")
    disk = await trial.new_disk(key=key)
    for kind in ("vm", "disk", "snapshot", "stemcell"):
        found = await trial.find(kind, fresh_key(kind))
        trial.expect(found is None, f"nothing was made under the key, and find answered {found!r} as {kind}")
    found = await trial.find("disk", vm.key)
    trial.expect(found is None, f"the key is a VM's, and find answered the disk {found!r}")
    await trial.call("delete_disk", disk)
    trial.ledger.drop(disk)
    found = await trial.find("disk", key)
    trial.expect(found is None, f"'{disk}' was deleted, and find answered {found!r}")


@case(
    "key.find-all",
    must="find_all must answer the CIDs of those keys of the kind under which something was made, by key, and leave out the others.",
    why="After a crash the director asks it for all creations at once; a key that is left out is made again, one that is not is adopted.",
    source="cpi/contract.py, find_all",
    needs=("find", "find_all"),
)
async def find_all(trial: Trial) -> None:
    vm, keys = await trial.vm(), [fresh_key("disk") for _ in range(3)]
    disks = {key: await trial.new_disk(key=key) for key in keys}
    gone = disks.pop(keys[1])
    await trial.call("delete_disk", gone)
    trial.ledger.drop(gone)
    for kind, wanted in (("disk", disks), ("vm", {vm.key: vm.cid}), ("snapshot", {})):
        found = await trial.call("find_all", kind, [*keys, vm.key, fresh_key(kind)])
        trial.expect(found == wanted, f"of kind {kind} there are {wanted!r}, find_all answered {found!r}")
    found = await trial.call("find_all", "vm", [])
    trial.expect(found == {}, f"it was asked for no key, and answered {found!r}")


@case(
    "key.twice.vm",
    must="create_vm again, with the same key and arguments, must answer the VM that is there, and make no second one.",
    why=WHY_ONCE,
    source=SOURCE,
    needs=("find",),
)
async def twice_vm(trial: Trial) -> None:
    arguments = trial.vm_arguments(await trial.stemcell())
    vm = await trial.new_vm(arguments=arguments)
    before = await trial.inventory()
    again = await trial.new_vm(arguments=arguments, key=vm.key)
    trial.expect(again.cid == vm.cid, f"first it made '{vm.cid}', then '{again.cid}'")
    after = await trial.inventory()
    trial.expect(before == after, f"the second call made {sorted((after or set()) - (before or set()))}")


@case(
    "key.twice.disk",
    must="create_disk again, with the same key and arguments, must answer the disk that is there, and make no second one.",
    why=WHY_ONCE,
    source=SOURCE,
    needs=("find",),
)
async def twice_disk(trial: Trial) -> None:
    key = fresh_key("disk")
    disk = await trial.new_disk(key=key)
    before = await trial.inventory()
    again = await trial.new_disk(key=key)
    trial.expect(again == disk, f"first it made '{disk}', then '{again}'")
    after = await trial.inventory()
    trial.expect(before == after, f"the second call made {sorted((after or set()) - (before or set()))}")


@case(
    "key.other-agent",
    must="create_vm with a key whose VM was made for another agent must be refused.",
    why="The VM has the other agent's settings: the agent that is waited for would never come.",
    source="cpi/contract.py, create_vm",
    needs=("find",),
)
async def other_agent(trial: Trial) -> None:
    vm = await trial.vm()
    arguments = trial.vm_arguments(await trial.stemcell())
    answer = await trial.attempt("create_vm", *arguments, key=vm.key)
    if not isinstance(answer, CpiError):
        made = str(answer[0]) if isinstance(answer, list) else str(answer)
        if made != vm.cid:
            trial.ledger.took("vm", made)
        trial.expect(False, f"it answered {answer!r}; the VM of the key is '{vm.cid}' of another agent")
    trial.expect(await trial.find("vm", vm.key) == vm.cid, "afterwards the VM of the key is another one")
