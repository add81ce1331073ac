"""Settling a creation: asking the cloud what became of a key."""

from __future__ import annotations

from director.model.errors import CloudNotSupported
from director.steps.found import Question
from director.steps.step import Io, Unknown


async def find(io: Io, question: Question) -> str | Unknown | None:
    """The CID; None: there is none and none will come; `Unknown` when the CPI cannot say."""
    known = io.found.take(question)
    if known is not None:
        return known[0]
    cloud = await io.clouds.get(question.cpi)
    try:
        return await cloud.find(question.kind, question.key, log=io.log.cpi)
    except CloudNotSupported:
        return Unknown(
            f"Possible orphan: a {question.kind} with key '{question.key}' may exist in cloud '{cloud.name or 'default'}'; its CPI cannot look it up"
        )
