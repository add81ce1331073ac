"""Checks access tokens by UAA's public keys, which are fetched once and again when a token names one that is not known."""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import Any, cast

import httpx2
import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from paas.tokens.claims import Claims, claims_of
from paas.tokens.errors import KeysAwayError, TokenExpiredError, TokenInvalidError

ALGORITHM = "RS256"
TIMEOUT = 5
REFETCH_SECONDS = 2
"""Tokens with made-up key names must not make us ask UAA for each of them."""


class Verifier:
    """`jwks_url`: UAA's ``/token_keys``; `ca`: a file of certificates for it; `issuer`: whose tokens alone are taken, where given."""

    def __init__(self, jwks_url: str, ca: str = "", issuer: str = "") -> None:
        self._url = jwks_url
        self._issuer = issuer
        self._keys: dict[str, RSAKey] = {}
        self._fetched = -REFETCH_SECONDS
        self._lock = asyncio.Lock()
        verify: Any = ssl.create_default_context(cafile=ca) if ca else True
        self._http = httpx2.AsyncClient(verify=verify, timeout=TIMEOUT, trust_env=False)

    async def verify(self, token: str) -> Claims:
        """What the token says. TokenExpiredError, TokenInvalidError, or KeysAwayError where it cannot be known."""
        key = await self._key(_key_name(token))
        payload = payload_of(token, key)
        try:
            claims = claims_of(payload)
        except msgspec.ValidationError as error:
            raise TokenInvalidError(f"The token is not an access token: {error}") from None
        if self._issuer and claims.iss != self._issuer:
            raise TokenInvalidError(f"The token was issued by {claims.iss}, not by {self._issuer}")
        if claims.exp <= time.time():
            raise TokenExpiredError("The token has expired")
        return claims

    async def close(self) -> None:
        """Close the connections to UAA."""
        await self._http.aclose()

    async def _key(self, name: str) -> RSAKey:
        if name not in self._keys:
            async with self._lock:
                if name not in self._keys and time.monotonic() - self._fetched >= REFETCH_SECONDS:
                    await self._fetch()
        if name not in self._keys:
            raise TokenInvalidError("The token is signed by a key that is not known")
        return self._keys[name]

    async def _fetch(self) -> None:
        try:
            answer = await self._http.get(self._url)
            answer.raise_for_status()
            found = KeySet.import_key_set(answer.json())
        except httpx2.HTTPError as error:
            raise KeysAwayError(f"{self._url} gives no keys: {str(error) or type(error).__name__}") from None
        except (ValueError, KeyError, TypeError, JoseError) as error:
            raise KeysAwayError(f"{self._url} gives no key set: {type(error).__name__}") from None
        self._keys = {str(one.kid): one for one in found.keys if isinstance(one, RSAKey)}
        self._fetched = time.monotonic()


def bearer(header: str | None) -> str | None:
    """The token of an ``Authorization: bearer TOKEN`` header; None where there is none."""
    scheme, _, token = (header or "").strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def payload_of(token: str, key: RSAKey) -> dict[str, Any]:
    """The payload, if `key` has signed it; TokenInvalidError."""
    try:
        signed = jws.deserialize_compact(token, key, algorithms=[ALGORITHM])
        payload = msgspec.json.decode(signed.payload)
    except (JoseError, ValueError, TypeError) as error:
        raise TokenInvalidError(f"The token does not hold: {type(error).__name__}") from None
    if not isinstance(payload, dict):
        raise TokenInvalidError("The token's payload is not an object")
    return cast("dict[str, Any]", payload)


def _key_name(token: str) -> str:
    try:
        header = jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError, TypeError, AttributeError):
        raise TokenInvalidError("The token is malformed") from None
    name = header.get("kid")
    if header.get("alg") != ALGORITHM or not isinstance(name, str):
        raise TokenInvalidError(f"The token is not signed with {ALGORITHM} by a named key")
    return name
