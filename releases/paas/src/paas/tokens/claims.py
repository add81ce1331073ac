"""What an access token says. Source: UAA's token format, RFC 7519, RFC 9068."""

from __future__ import annotations

from typing import Any

import msgspec


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """Of an access token; times in seconds since 1970. A client's own token has no user: `user_id` and `user_name` are empty."""

    iss: str
    sub: str
    jti: str
    exp: int
    iat: int
    client_id: str
    cid: str = ""
    scope: frozenset[str] = frozenset()
    aud: list[str] = []
    user_id: str = ""
    user_name: str = ""
    email: str = ""
    origin: str = ""
    grant_type: str = ""

    def allows(self, *scopes: str) -> bool:
        """Whether the token has one of these scopes."""
        return not self.scope.isdisjoint(scopes)


def claims_of(payload: dict[str, Any]) -> Claims:
    """The claims in a token's payload; msgspec.ValidationError names what is missing or of the wrong kind."""
    return msgspec.convert(payload, Claims)
