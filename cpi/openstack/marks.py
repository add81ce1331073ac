"""How an object is known as the one that was made under a key."""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections.abc import Callable, Sequence
from typing import TypeVar

from cpi.contract import Call
from cpi.openstack.batch import Document
from cpi.openstack.refusals import AnswerLost

Made = TypeVar("Made")
KEY = "meristem_key"
"""Name of the metadata entry, or image property, that holds the mark."""
LONGEST = 255
SETTLE = (0.0, 0.5, 1.5, 3.0)
"""Seconds after which it is looked again for something whose creation may still be under way."""
SOON = (0.0, 1.0)
"""The same, where nothing tells that one had begun."""
TRIES = 3


class Mark:
    """`key` as given (or one of our own), `text` fit for tags and names, `name` for people. `doubtful` once an answer was
    lost: what was asked for may then be there twice."""

    def __init__(self, kind: str, key: str | None) -> None:
        self.key = key or f"{kind}-{uuid.uuid4()}"
        self.doubtful = False
        self.text = f"meristem-{hashlib.sha256(self.key.encode()).hexdigest()[:32]}"
        shown = re.sub(r"[^A-Za-z0-9.-]+", "-", self.key).strip("-.")
        self.name = (shown if shown.startswith(kind) else f"{kind}-{shown}")[:60].rstrip("-.")


def create(call: Call, mark: Mark, make: Callable[[], Made], look: Callable[[], Made | None], what: str) -> Made:
    """Make it; where the answer is lost, take what came of it, or make it again when nothing did."""
    for left in reversed(range(TRIES)):
        call.check()
        try:
            return make()
        except AnswerLost as lost:
            mark.doubtful = True
            call.log(f"{what}: {lost}; looking for what came of it")
            found = settled(call, look, SETTLE)
            if found is not None:
                call.log(f"{what}: it was made and is taken")
                return found
            if not left:
                raise
    raise AssertionError("unreachable")


def settled(call: Call, look: Callable[[], Made | None], waits: Sequence[float] = SETTLE) -> Made | None:
    """What is there, or comes within some seconds."""
    for wait in waits:
        time.sleep(min(wait, call.remaining()))
        found = look()
        if found is not None:
            return found
    return None


def metadata_of(call: Call, mark: Mark, tags: dict[str, str] | None = None) -> dict[str, str]:
    """Metadata of something new."""
    own = {KEY: mark.text, "meristem_made_for": mark.key[:LONGEST]}
    if call.director_uuid:
        own["director_uuid"] = call.director_uuid[:LONGEST]
    return {**clean(tags or {}), **own}


def clean(tags: dict[str, str]) -> dict[str, str]:
    """As nova and cinder take them: at most 255 characters each, of a narrow alphabet in names."""
    return {
        re.sub(r"[^A-Za-z0-9_.: -]", "_", name)[:LONGEST]: value[:LONGEST]
        for name, value in tags.items()
        if name.strip()
    }


def first(found: list[Document]) -> Document | None:
    """The oldest; a request that was sent twice may have made two."""
    ordered = sorted(found, key=lambda one: (str(one.get("created_at") or one.get("created") or ""), str(one["id"])))
    return ordered[0] if ordered else None
