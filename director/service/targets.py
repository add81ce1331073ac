"""Instances that a request points at by group, uuid or index."""

from __future__ import annotations

from collections.abc import Sequence

from director.model.errors import NotFound
from director.model.rows import InstanceRow
from director.ports.store import Store


async def find_targets(
    store: Store, deployment: str, group: str = "", ids: Sequence[str] = (), *, with_vm: bool = True
) -> list[InstanceRow]:
    """Instances by group (empty or ``*``: all) and uuids or indexes (none or ``*``: all); 70001 when nothing is found."""
    rows = await store.find(InstanceRow, deployment=deployment)
    found = [
        row
        for row in rows
        if group in ("", "*", row.group) and (not ids or "*" in ids or row.id in ids or str(row.index) in ids)
    ]
    if with_vm:
        found = [row for row in found if row.agent_id]
    if not found:
        what = f"{group or '*'}/{','.join(ids) or '*'}"
        known = ", ".join(f"{row.group}/{row.id} ({row.index})" for row in rows) or "none"
        raise NotFound(
            f"No instance with a VM matches '{what}' in deployment '{deployment}'"
            if with_vm
            else f"No instance matches '{what}'",
            code=70001,
            remedy=f"Its instances: {known}",
        )
    return sorted(found, key=lambda row: (row.group, row.index))
