"""When certificates end: those among a deployment's variables, and the director's own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from cryptography import x509

from director.model.deployment import Document
from director.model.rows import VariableSetRow
from director.service.house import House
from director.service.instances import require_deployment

DAY = 86400


@runtime_checkable
class TellsExpiries(Protocol):
    """Secrets that know the ends of the certificates among pinned variables: rows with ``name``, ``id`` and ``at``."""

    async def expiries(self, pins: dict[str, str]) -> Sequence[Any]: ...


async def deployment_expiries(house: House, deployment: str) -> list[Document]:
    """Of the variables pinned by the last deploy, soonest first; none from secrets that cannot tell."""
    row = await require_deployment(house.store, deployment)
    pinned = await house.store.get(VariableSetRow, f"{row.variable_set:012d}")
    if pinned is None or not isinstance(house.secrets, TellsExpiries):
        return []
    found = await house.secrets.expiries(pinned.pins)
    return [
        {"name": one.name, "id": one.id, "expiry_date": _iso(one.at), "days_left": _left(house, one.at)}
        for one in found
    ]


async def director_expiries(house: House, paths: Sequence[Path]) -> list[Document]:
    """Of PEM files, soonest first; what is no certificate is left out."""
    found = [(end, path) for path in paths if (end := await asyncio.to_thread(_end, path)) is not None]
    return [
        {"certificate_path": str(path), "expiry": _iso(end), "days_left": _left(house, end)}
        for end, path in sorted(found)
    ]


def _end(path: Path) -> datetime | None:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return None


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _left(house: House, moment: datetime) -> int:
    return int((moment.timestamp() - house.clock.now()) // DAY)
