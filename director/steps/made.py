"""Settling a creation: asking the cloud what became of a key."""

from __future__ import annotations

from director.model.errors import CloudNotSupported
from director.ports.cloud import Cloud
from director.steps.step import Io, Unknown


async def find(io: Io, cloud: Cloud, kind: str, key: str) -> str | Unknown | None:
    """The CID; None: there is none and none will come; `Unknown` when the CPI cannot say."""
    try:
        return await cloud.find(kind, key, log=io.log.cpi)
    except CloudNotSupported:
        return Unknown(
            f"Possible orphan: a {kind} with key '{key}' may exist in cloud '{cloud.name or 'default'}'; its CPI cannot look it up"
        )
