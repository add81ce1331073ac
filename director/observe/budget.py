"""The repair budget: how many instances may be made anew within an hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct

HOUR = 3600.0


FIRST_PAUSE, LONGEST_PAUSE = 60.0, 900.0


class Spent(Struct, frozen=True):
    """Instances of a deployment, by id, that were to be made anew at a time."""

    at: float
    deployment: str
    ids: tuple[str, ...]

    @property
    def count(self) -> int:
        return len(self.ids)


def used(now: float, spent: Sequence[Spent], deployment: str | None = None) -> int:
    """Instances of the last hour, of one deployment or of all."""
    return sum(one.count for one in spent if now - one.at < HOUR and deployment in (None, one.deployment))


def left(now: float, deployment: str, spent: Sequence[Spent], each: int, total: int) -> tuple[int, str]:
    """How many more may be made anew now, and the sentence that refuses the others."""
    own, all_ = each - used(now, spent, deployment), total - used(now, spent)
    relevant = [one.at for one in spent if now - one.at < HOUR and (own > all_ or one.deployment == deployment)]
    frees = datetime.fromtimestamp(min(relevant, default=now) + HOUR, UTC).strftime("%H:%M UTC")
    whose, limit = (f"deployment '{deployment}'", each) if own <= all_ else ("all deployments", total)
    why = f"at most {limit} repairs an hour in {whose}; more are allowed from {frees}"
    return max(0, min(own, all_)), why


def rests(now: float, id: str, spent: Sequence[Spent]) -> bool:
    """Whether this instance was made anew so lately, and so often, that another try has to wait: one minute, then two, four ..."""
    tries = [one.at for one in spent if now - one.at < HOUR and id in one.ids]
    return bool(tries) and now - max(tries) < min(FIRST_PAUSE * 2 ** (len(tries) - 1), LONGEST_PAUSE)
