"""Options of a route, as bodies have them: null removes one."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from paas.cloud_controller.api.body import Body


class Options(Body, frozen=True, kw_only=True):
    """How requests are spread over the instances."""

    loadbalancing: Literal["round-robin", "least-connection"] | UnsetType | None = UNSET


def merged_options(old: dict[str, Any], new: Options | UnsetType | None) -> dict[str, Any]:
    """The column after this change."""
    if new is UNSET or new is None:
        return old
    return {name: value for name, value in {**old, **msgspec.to_builtins(new)}.items() if value is not None}
