"""Many calls at once."""

from __future__ import annotations

import asyncio

from cpi.conformance.case import BrokenError, case
from cpi.conformance.subject import fresh_key
from cpi.conformance.trial import Trial, Vm
from cpi.contract import CpiError

SOURCE = "cpi/contract.py; the director's workers call a CPI many times at once"
WHY = "A deploy makes as many at once as its width allows; a CPI that mixes them up gives two instances one VM, or loses one."


@case(
    "crowd.vms",
    must="create_vm, has_vm and delete_vm must work many times at once (limits.at_once): as many VMs, each its own.",
    why=WHY,
    source=SOURCE,
)
async def vms(trial: Trial) -> None:
    stemcell, before = await trial.stemcell(), await trial.inventory()
    given = [trial.vm_arguments(stemcell) for _ in range(trial.config.at_once)]
    made = await _all([trial.new_vm(arguments=one) for one in given], Vm)
    cids = {vm.cid for vm in made}
    trial.expect(len(cids) == len(made), f"{len(made)} VMs have {len(cids)} CIDs")
    if trial.declares("has_vm"):
        there = await asyncio.gather(*(trial.is_there("vm", cid) for cid in cids))
        trial.expect(all(there), f"of {len(there)} VMs {there.count(False)} are not there")
    if trial.declares("find"):
        found = await asyncio.gather(*(trial.find("vm", vm.key) for vm in made))
        trial.expect(found == [vm.cid for vm in made], "find answers other VMs for their keys")
    await asyncio.gather(*(trial.call("delete_vm", cid) for cid in cids))
    for cid in cids:
        trial.ledger.drop(cid)
    after = await trial.inventory()
    trial.expect(before == after, f"left is {sorted((after or set()) - (before or set()))}")


@case(
    "crowd.disks",
    must="create_disk and delete_disk must work many times at once (limits.at_once): as many disks, each its own.",
    why=WHY,
    source=SOURCE,
)
async def disks(trial: Trial) -> None:
    keys = [fresh_key("disk") for _ in range(trial.config.at_once)]
    made = await _all([trial.new_disk(key=key) for key in keys], str)
    trial.expect(len(set(made)) == len(made), f"{len(made)} disks have {len(set(made))} CIDs")
    if trial.declares("has_disk"):
        there = await asyncio.gather(*(trial.is_there("disk", cid) for cid in made))
        trial.expect(all(there), f"of {len(there)} disks {there.count(False)} are not there")
    await asyncio.gather(*(trial.call("delete_disk", cid) for cid in set(made)))
    for cid in made:
        trial.ledger.drop(cid)


@case(
    "crowd.one-disk",
    must="attach_disk of one disk to several VMs at once must succeed for one of them at most.",
    why="Two VMs that write one file system destroy it.",
    source=SOURCE,
)
async def one_disk(trial: Trial) -> None:
    first, second, disk = await trial.new_vm(), await trial.new_vm(), await trial.new_disk()
    answers = await asyncio.gather(*(trial.attempt("attach_disk", vm.cid, disk) for vm in (first, second)))
    holders = [vm for vm, answer in zip((first, second), answers, strict=True) if not isinstance(answer, CpiError)]
    trial.expect(len(holders) == 1, f"two VMs were to attach one disk at once, {len(holders)} did: {answers}")
    await trial.call("detach_disk", holders[0].cid, disk)


async def _all(calls: list, kind: type) -> list:
    """Wait for all, also after a failure: each is noted in the ledger by then."""
    answers = await asyncio.gather(*calls, return_exceptions=True)
    failed = [one for one in answers if isinstance(one, BaseException)]
    if failed:
        first = failed[0]
        if isinstance(first, BrokenError):
            raise BrokenError(f"{len(failed)} of {len(answers)} failed; the first: {first}") from first
        raise first
    return answers
