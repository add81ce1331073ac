"""Managed networks."""

from __future__ import annotations

from cpi.conformance.case import BrokenError, case, documented
from cpi.conformance.trial import Trial
from cpi.contract import CpiError, NetworkNotFound


@case(
    "network.create",
    must="create_network must answer [CID, {range, gateway, reserved}, cloud properties], and delete_network must remove it.",
    why="Subnets of managed networks are placed on what it answers.",
    source=documented("create_network", "cpi-api-v2-method"),
    needs=("create_network", "delete_network"),
    wants=("managed_network",),
)
async def create(trial: Trial) -> None:
    definition = dict(trial.config.managed_network or {})
    made = trial.ledger.open("network")
    answer = await trial.attempt("create_network", definition, key=made.key)
    made.answered = True
    if isinstance(answer, CpiError):
        raise BrokenError(f"create_network failed: {answer.type_name}: {answer.message}")
    parts: list[object] = answer if isinstance(answer, list) else []
    cid = parts[0] if len(parts) == 3 else None
    if not isinstance(cid, str) or not cid or not all(isinstance(one, dict) for one in parts[1:]):
        raise BrokenError(f"it answered {answer!r}")
    made.cid = cid
    await trial.call("delete_network", cid)
    trial.ledger.drop(cid)
    await trial.tolerated("delete_network", cid, by=(NetworkNotFound,))
