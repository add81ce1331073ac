"""A component's own token, by its client's credentials; kept until shortly before it expires."""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import Any

import httpx2
import msgspec

from paas.tokens.errors import NoTokenError

TIMEOUT = 10
EARLY = 0.1
"""A token is renewed when this share of its life is left."""


class ServiceClient(msgspec.Struct, frozen=True, kw_only=True):
    """Who a component is to UAA; `token_url` is UAA's ``/oauth/token``, `ca` a file of certificates for it."""

    token_url: str
    client_id: str
    client_secret: str
    ca: str = ""


class _Answer(msgspec.Struct):
    access_token: str
    expires_in: int


class ServiceToken:
    """Of one component; many may ask at once, UAA is asked once."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client
        self._token = ""
        self._until = 0.0
        self._lock = asyncio.Lock()
        verify: Any = ssl.create_default_context(cafile=client.ca) if client.ca else True
        self._http = httpx2.AsyncClient(verify=verify, timeout=TIMEOUT, trust_env=False)

    async def get(self) -> str:
        """A token that holds; NoTokenError says why there is none."""
        async with self._lock:
            if time.monotonic() >= self._until:
                await self._fetch()
            return self._token

    def forget(self) -> None:
        """The token was refused: ask for another the next time."""
        self._until = 0.0

    async def close(self) -> None:
        """Close the connections to UAA."""
        await self._http.aclose()

    async def _fetch(self) -> None:
        given = self._client
        try:
            answer = await self._http.post(
                given.token_url, data={"grant_type": "client_credentials"}, auth=(given.client_id, given.client_secret)
            )
        except httpx2.HTTPError as error:
            raise NoTokenError(f"{given.token_url} does not answer: {str(error) or type(error).__name__}") from None
        if answer.status_code != httpx2.codes.OK:
            raise NoTokenError(f"{given.token_url} refuses client {given.client_id}: status {answer.status_code}")
        try:
            found = msgspec.json.decode(answer.content, type=_Answer)
        except msgspec.MsgspecError:
            raise NoTokenError(f"{given.token_url} answers with something that is no token") from None
        self._token = found.access_token
        self._until = time.monotonic() + found.expires_in * (1 - EARLY)
