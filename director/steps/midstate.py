"""How far an interrupted update came: kept on the instance's row, in the same commit as the step's result."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from director.model.rows import InstanceRow
from director.ports.store import Changes
from director.steps.step import Io, Outcome


async def reached(io: Io, instance_id: str, midstate: str, result: Any = None) -> Outcome:
    """The outcome that notes it (nothing when the instance has no row)."""
    row = await io.store.get(InstanceRow, instance_id)
    if row is None:
        return Outcome(result=result)
    return Outcome(Changes(put=[replace(row, midstate=midstate)]), result)
