"""The end: nothing is left."""

from __future__ import annotations

from cpi.conformance.case import case
from cpi.conformance.trial import Trial


@case(
    "leak.nothing-left",
    must="When everything was deleted, the cloud must hold what it held before, and nothing more.",
    why="What no delete call removes is paid for, and holds names and addresses, until somebody finds it.",
    source="cpi-contract: create_* must not leak",
)
async def nothing(trial: Trial) -> None:
    made = {kind: trial.shared.ledger.cids(kind) for kind in ("vm", "disk")}
    left = await trial.shared.clear()
    trial.expect(not left, "; ".join(left))
    for kind, cids in made.items():
        for cid in cids if trial.declares(f"has_{kind}") else []:
            trial.expect(not await trial.is_there(kind, cid), f"{kind} '{cid}' was deleted, and is there")
    after, before = await trial.inventory(), trial.shared.before
    trial.expect(before == after, f"there is more: {sorted((after or set()) - (before or set()))}, "
                 f"and less: {sorted((before or set()) - (after or set()))}")  # fmt: skip
