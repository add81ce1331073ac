"""Answers that never came: the caller, or the CPI's process, died in the middle of a call."""

from __future__ import annotations

import time

from cpi.conformance.case import case
from cpi.conformance.subject import fresh_key
from cpi.conformance.trial import Trial

SOURCE = "cpi/contract.py, find"
MOMENTS = (0.05, 0.35, 0.7, 0.95)
"""Parts of the time that such a call takes, after which its process is killed."""


@case(
    "key.lost.vm",
    must="A VM whose create_vm was cut off must be found by its key and be whole, or find must answer null and nothing be left.",
    why="Directors are killed and networks fail in the middle of calls; what is neither found nor gone is paid for for ever.",
    source=SOURCE,
    needs=("find",),
)
async def vm(trial: Trial) -> None:
    stemcell = await trial.stemcell()
    began = time.monotonic()
    await trial.new_vm()
    took = time.monotonic() - began
    for part in MOMENTS:
        key, arguments, before = trial.note("vm"), trial.vm_arguments(stemcell), await trial.inventory()
        await trial.subject.lose("create_vm", arguments, key, took * part)
        found = await trial.find("vm", key)
        if found is None:
            after = await trial.inventory()
            trial.expect(
                before == after, f"find answers null, and there is {sorted((after or set()) - (before or set()))}"
            )
        elif trial.declares("has_vm"):
            trial.expect(await trial.is_there("vm", found), f"find answers '{found}', and has_vm is false")
        again = await trial.new_vm(arguments=arguments, key=key)
        trial.expect(found in (None, again.cid), f"found was '{found}', the repeated call made '{again.cid}'")
        trial.expect(await trial.find("vm", key) == again.cid, f"'{again.cid}' was made, and find does not answer it")
        await trial.call("delete_vm", again.cid)
        trial.ledger.drop(again.cid)
        after = await trial.inventory()
        trial.expect(before == after, f"once it was deleted there is {sorted((after or set()) - (before or set()))}")


@case(
    "key.lost.disk",
    must="A disk whose create_disk was cut off must be found by its key, or find must answer null and nothing be left.",
    why="A disk that nobody knows is paid for for ever.",
    source=SOURCE,
    needs=("find",),
)
async def disk(trial: Trial) -> None:
    began = time.monotonic()
    await trial.new_disk()
    took = time.monotonic() - began
    for part in MOMENTS:
        key, before = fresh_key("disk"), await trial.inventory()
        arguments = [trial.config.disk_size, dict(trial.config.disk_properties), None]
        trial.ledger.open("disk", key)
        await trial.subject.lose("create_disk", arguments, key, took * part)
        found = await trial.find("disk", key)
        again = await trial.new_disk(key=key)
        trial.expect(found in (None, again), f"found was '{found}', the repeated call made '{again}'")
        await trial.call("delete_disk", again)
        trial.ledger.drop(again)
        after = await trial.inventory()
        trial.expect(before == after, f"once it was deleted there is {sorted((after or set()) - (before or set()))}")


@case(
    "time.late",
    must="A call that is given a time must not take effect after it, unless what it made is found by its key.",
    why="The director has gone on by then; what comes into being later belongs to nobody.",
    source="cpi/contract.py, Call.check",
    needs=("find",),
)
async def late(trial: Trial) -> None:
    stemcell, before = await trial.stemcell(), await trial.inventory()
    began = time.monotonic()
    await trial.new_vm()
    took = time.monotonic() - began
    key = trial.note("vm")
    await trial.cut_short("create_vm", trial.vm_arguments(stemcell), key, took / 2)
    found = await trial.find("vm", key)
    if found is not None:
        await trial.call("delete_vm", found)
    left = await trial.ledger.clear()
    trial.expect(not left, "; ".join(left))
    after = await trial.inventory()
    trial.expect(before == after, f"the call that was too late left {sorted((after or set()) - (before or set()))}")
