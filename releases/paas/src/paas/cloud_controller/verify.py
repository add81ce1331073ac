"""Checks access tokens against the UAA's keys, which are kept and fetched again when a token names another."""

from __future__ import annotations

import ssl
import time
from typing import Any

import httpx2
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from paas.cloud_controller.api.errors import invalid_token, unavailable

REFETCH_SECONDS = 10


class TokenClaims(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of a token."""

    user_id: str = ""
    user_name: str = ""
    client_id: str = ""
    scope: list[str] = []
    exp: float = 0


class JwksVerifier:
    """`url`: the UAA's ``/token_keys``."""

    def __init__(self, url: str, ca: str = "") -> None:
        verify = ssl.create_default_context(cafile=ca) if ca else True
        self._url = url
        self._client = httpx2.AsyncClient(verify=verify, trust_env=False, timeout=10)
        self._keys: KeySet | None = None
        self._fetched = 0.0

    async def verify(self, token: str) -> TokenClaims:
        """The claims; 401 for a token that is expired or not the UAA's, 503 while the keys cannot be had."""
        for attempt in (1, 2):
            keys = await self._fetch(again=attempt == 2)
            try:
                claims = msgspec.convert(jwt.decode(token, keys, algorithms=["RS256"]).claims, TokenClaims)
            except (JoseError, ValueError, msgspec.ValidationError):
                continue
            if claims.exp < time.time():
                break
            return claims
        raise invalid_token()

    async def _fetch(self, *, again: bool) -> KeySet:
        due = time.monotonic() - self._fetched > REFETCH_SECONDS
        if self._keys is None or (again and due):
            try:
                answer: Any = (await self._client.get(self._url)).raise_for_status().json()
                self._keys = KeySet.import_key_set(answer)
                self._fetched = time.monotonic()
            except (httpx2.HTTPError, ValueError, JoseError):
                if self._keys is None:
                    raise unavailable("The UAA is away: tokens cannot be checked. Try again.") from None
        return self._keys
