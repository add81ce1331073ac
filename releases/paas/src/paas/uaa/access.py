"""Who asks, by the bearer token of a request to UAA itself."""

from __future__ import annotations

import time

import msgspec

from paas.database.engine import Database
from paas.tokens.claims import Claims, claims_of
from paas.tokens.errors import TokenInvalidError
from paas.tokens.verify import bearer
from paas.uaa.errors import insufficient_scope, invalid_token, no_token
from paas.uaa.keys import SigningKeys
from paas.uaa.revocation import stands

ADMIN = "uaa.admin"
"""The scope that may do all."""


class Access:
    """Checks tokens: signature, end, revocation, and that the user is still there."""

    def __init__(self, database: Database, keys: SigningKeys) -> None:
        self._database = database
        self._keys = keys

    async def claims(self, token: str, status: int = 401) -> Claims:
        """UaaError with `status`, ``invalid_token``."""
        try:
            claims = claims_of(self._keys.payload(token))
        except (TokenInvalidError, msgspec.ValidationError):
            raise invalid_token("The token is not an access token of this server", status) from None
        if claims.exp <= time.time():
            raise invalid_token("The token expired, was revoked, or the token ID is incorrect", status)
        if not await self._database.run(lambda transaction: stands(transaction, claims.jti, claims.user_id)):
            raise invalid_token("The token expired, was revoked, or the token ID is incorrect", status)
        return claims

    async def anybody(self, header: str | None) -> Claims:
        """Whoever has a token that holds; UaaError 401."""
        token = bearer(header)
        if token is None:
            raise no_token()
        return await self.claims(token)

    async def need(self, header: str | None, *scopes: str, self_id: str = "") -> Claims:
        """Whoever has one of these scopes or is the user `self_id`; UaaError 401 or 403."""
        claims = await self.anybody(header)
        if claims.allows(ADMIN, *scopes) or (self_id and claims.user_id == self_id):
            return claims
        raise insufficient_scope((ADMIN, *scopes))
