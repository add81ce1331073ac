"""Variables: generated values, kept encrypted, pinned per deploy in variable sets; and interpolation just before use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct

from director.model.deployment import VariableWanted
from director.model.rows import VariableRow


class Resolved(Struct, frozen=True):
    """``pins``: absolute name → variable id for every variable in use; ``rows``: versions made for this and not yet committed."""

    pins: dict[str, str]
    rows: tuple[VariableRow, ...] = ()


class Secrets(Protocol):
    """Names are absolute: ``/<director>/<deployment>/<name>``."""

    async def resolve(
        self,
        deployment: str,
        wanted: Sequence[VariableWanted],
        used: Sequence[str],
        *,
        pinned: dict[str, str],
        converge: bool = False,
    ) -> Resolved:
        """Generate what is wanted and missing; pin what is used. Raises one error naming all that cannot be had (540001). Commits nothing."""
        ...

    async def interpolate(
        self, value: Any, deployment: str, pins: dict[str, str], *, extra: Sequence[VariableRow] = ()
    ) -> Any:
        """``value`` with every ``((name.key))`` replaced from the pinned versions; ``extra`` are rows not committed yet."""
        ...

    def sign(self, purpose: str, text: bytes) -> str:
        """A keyed digest (hex) that only this installation's directors can make: of texts that come back and must not have been altered,
        and of what is to be compared without being told."""
        ...
