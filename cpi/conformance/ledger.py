"""What a check has made: noted before each creation, removed after each case, whatever happened in between."""

from __future__ import annotations

from dataclasses import dataclass

from cpi.conformance.subject import Subject, fresh_key
from cpi.contract import (
    CpiError,
    DiskNotFound,
    NetworkNotFound,
    SnapshotNotFound,
    StemcellNotFound,
    VMNotFound,
)

ORDER = ("vm", "snapshot", "disk", "network", "stemcell")
GONE = (VMNotFound, DiskNotFound, SnapshotNotFound, NetworkNotFound, StemcellNotFound)
FINDABLE = frozenset({"vm", "disk", "snapshot", "stemcell"})


@dataclass
class Made:
    """One object, or one try to make it. `answered`: the CPI said how the creation ended."""

    kind: str
    key: str
    cid: str | None = None
    answered: bool = False


class Ledger:
    """The objects of one case, or those that all cases share."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._made: list[Made] = []

    def open(self, kind: str, key: str | None = None) -> Made:
        """Note that something is about to be made."""
        made = Made(kind, key or fresh_key(kind))
        self._made.append(made)
        return made

    def took(self, kind: str, cid: str) -> None:
        """Note an object that came into being by another way."""
        self._made.append(Made(kind, "", cid, answered=True))

    def cids(self, kind: str) -> list[str]:
        """CIDs of what is noted of a kind."""
        return [one.cid for one in self._made if one.kind == kind and one.cid]

    def drop(self, cid: str) -> None:
        """Forget an object that the case has removed itself."""
        self._made = [one for one in self._made if one.cid != cid]

    def take_over(self, other: Ledger) -> None:
        """Note what another one could not remove, for a last try."""
        self._made += other._made
        other._made = []

    async def clear(self) -> list[str]:
        """Remove everything; what could not be removed, told for people, stays noted."""
        left: list[str] = []
        await self._subject.settled()
        for kind in ORDER:
            for made in [one for one in self._made if one.kind == kind]:
                try:
                    await self._remove(made, left)
                    self._made.remove(made)
                except CpiError as error:
                    left.append(f"{kind} '{made.cid or made.key}' could not be removed: {error.message}")
        return left

    async def _remove(self, made: Made, left: list[str]) -> None:
        cids = {made.cid} if made.cid else set[str]()
        if made.key and made.kind in FINDABLE and "find" in self._subject.declared:
            found = await self._subject.made_under(made.kind, made.key)
            cids |= {found} if found else set()
        elif not made.cid and not made.answered:
            left.append(f"a {made.kind} may have been made by a call whose answer was lost; look for it by hand")
        for cid in cids:
            if any(cid in line for line in self._subject.there_before):
                continue  # a CPI may answer the CID of what was there, as of a stemcell with the same image
            try:
                await self._subject.call(f"delete_{made.kind}", cid)
            except GONE:
                continue
