"""Which scopes a token gets."""

from __future__ import annotations

from collections.abc import Iterable

from paas.uaa.errors import UaaError


def granted(available: Iterable[str], requested: str, whose: str) -> list[str]:
    """What of `available` was asked for, or all where nothing was; sorted. UaaError 400 where none of it is to be had."""
    have = set(available)
    wanted = set(requested.split())
    found = have & wanted if wanted else have
    if wanted and not found:
        raise UaaError(
            400,
            "invalid_scope",
            f"[{', '.join(sorted(wanted))}] is invalid. This {whose} is not allowed any of the requested scopes",
        )
    return sorted(found)


def audience(client: str, scopes: Iterable[str]) -> list[str]:
    """Whom a token is for: the client, and what stands before the last dot of each scope."""
    return sorted({client, *(scope.rpartition(".")[0] or scope for scope in scopes)})
