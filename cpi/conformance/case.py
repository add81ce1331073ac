"""A case: one sentence of the contract, and the code that finds out whether a CPI keeps it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cpi.conformance.trial import Trial

Body = Callable[["Trial"], Awaitable[None]]
BOSH = "https://bosh.io/docs/"


class BrokenError(Exception):
    """The CPI does not keep the sentence; the text says what was seen in its place."""


class SkippedError(Exception):
    """The case does not apply to this CPI; the text says why."""


@dataclass(frozen=True, slots=True)
class Case:
    """`must` is the sentence, `why` what happens to a deployment without it, `source` where the sentence comes from.

    `needs`: methods that the CPI must have declared, else the case is skipped. `wants`: names of configuration values
    (`probes.write`, `impossible.vm`) without which it cannot be run.
    """

    id: str
    must: str
    why: str
    source: str
    needs: tuple[str, ...]
    wants: tuple[str, ...]
    version: int
    """The contract version that the sentence belongs to; 0 for all."""
    body: Body

    @property
    def group(self) -> str:
        """The first word of the id."""
        return self.id.partition(".")[0]


CASES: dict[str, Case] = {}
"""All cases, in the order in which they run. `cpi.conformance.cases` fills it."""


def case(
    identity: str,
    *,
    must: str,
    why: str,
    source: str,
    needs: tuple[str, ...] = (),
    wants: tuple[str, ...] = (),
    version: int = 0,
) -> Callable[[Body], Body]:
    """Register a case. Ids are stable: reports of different versions are compared by them."""

    def register(body: Body) -> Body:
        assert identity not in CASES, f"two cases are called {identity}"
        CASES[identity] = Case(identity, must, why, source, needs, wants, version, body)
        return body

    return register


def documented(method: str, page: str = "cpi-api-v1-method") -> str:
    """The public page of a method."""
    return f"{BOSH}{page}/{method.replace('_', '-')}/"
