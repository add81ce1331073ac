"""Answers that never came: the caller, or the CPI's process, died in the middle of a call."""

from __future__ import annotations

import time

from cpi.conformance.case import case
from cpi.conformance.trial import Trial

SOURCE = "cpi/contract.py, find"
MOMENTS = (0.95, 0.7, 0.35, 0.05)
"""Parts of the time that such a call takes, after which its process is killed. The first call of a kind may have been slow: what each later one
takes counts too, and the earliest moments come when the most is known."""

TRIES = 6
"""How often a creation is given half of the least time that one took, until it is too short."""


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
        ended = await trial.subject.lose("create_vm", arguments, key, took * part)
        took = min(took, ended or took)
        found = await trial.find("vm", key)
        if found is None:
            after = await trial.inventory()
            trial.expect(
                before == after, f"find answers null, and there is {sorted((after or set()) - (before or set()))}"
            )
        elif trial.declares("has_vm"):
            trial.expect(await trial.is_there("vm", found), f"find answers '{found}', and has_vm is false")
        began = time.monotonic()
        again = await trial.new_vm(arguments=arguments, key=key)
        took = _less(took, began, found)
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
    await _lost(trial, "disk", "create_disk", [trial.config.disk_size, dict(trial.config.disk_properties), None])


@case(
    "key.lost.stemcell",
    must="A stemcell whose create_stemcell was cut off must be found by its key and be whole, or find must answer null and nothing be left.",
    why="Half an image boots no VM, and half images fill the cloud's storage.",
    source=SOURCE,
    needs=("find",),
)
async def stemcell(trial: Trial) -> None:
    await trial.stemcell()
    arguments = trial.shared.stemcell_arguments()
    await _lost(trial, "stemcell", "create_stemcell", [trial.shared.changed_image(), *arguments[1:]])


@case(
    "key.lost.snapshot",
    must="A snapshot whose snapshot_disk was cut off must be found by its key, or find must answer null and nothing be left.",
    why="A snapshot that nobody knows keeps its disk from being deleted.",
    source=SOURCE,
    needs=("find", "snapshot_disk", "delete_snapshot"),
)
async def snapshot(trial: Trial) -> None:
    await _lost(trial, "snapshot", "snapshot_disk", [await trial.new_disk(), {"deployment": "conformance"}])


async def _lost(trial: Trial, kind: str, method: str, arguments: list[object]) -> None:
    """Lose the answer of a creation at several moments; it must be there once in the end, and gone when it was deleted."""
    before, began = await trial.inventory(), time.monotonic()
    _, cid, _ = await trial.make(kind, arguments, method=method)
    took = time.monotonic() - began
    await _remove(trial, kind, cid, before)
    for part in MOMENTS:
        key = trial.note(kind)
        ended = await trial.subject.lose(method, arguments, key, took * part)
        took = min(took, ended or took)
        found = await trial.find(kind, key)
        began = time.monotonic()
        _, again, _ = await trial.make(kind, arguments, key=key, method=method)
        took = _less(took, began, found)
        trial.expect(found in (None, again), f"found was '{found}', the repeated call made '{again}'")
        trial.expect(await trial.find(kind, key) == again, f"'{again}' was made, and find does not answer it")
        await _remove(trial, kind, again, before)


def _less(took: float, began: float, found: str | None) -> float:
    """The time of a creation, if one that has just ended was quicker; what was found had not to be made."""
    return took if found is not None else min(took, time.monotonic() - began)


async def _remove(trial: Trial, kind: str, cid: str, before: frozenset[str] | None) -> None:
    if cid not in trial.shared.ledger.cids(kind):
        await trial.call(f"delete_{kind}", cid)
    trial.ledger.drop(cid)
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
    for _ in range(TRIES):
        key, began = trial.note("vm"), time.monotonic()
        was_late = await trial.cut_short("create_vm", trial.vm_arguments(stemcell), key, took / 2)
        took = min(took / 2, time.monotonic() - began)
        left = await trial.ledger.clear()  # what find answers for the key
        trial.expect(not left, "; ".join(left))
        after = await trial.inventory()
        trial.expect(before == after, f"the call that was too late left {sorted((after or set()) - (before or set()))}")
        if was_late:
            return
