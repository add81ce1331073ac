"""Who may read which app: the token is checked here, the rest the cloud controller is asked for with the user's own token."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import msgspec
import structlog

from paas.log_cache.config import CloudController
from paas.log_cache.errors import LogCacheError, not_found, unauthenticated, unavailable
from paas.tokens.errors import KeysAwayError, TokenError
from paas.tokens.verify import Verifier, bearer

log = structlog.get_logger("log_cache")

READ_ALL = ("logs.admin", "doppler.firehose")
"""Scopes that may read everything."""

TIMEOUT = 10
PAGE = 5000
REMEMBERED = 20_000
"""Answers that are kept at most."""


class _Answers:
    """Answers of the cloud controller for a short while; many who ask the same at once wait for one answer."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[bytes, str], tuple[float, Any]] = OrderedDict()
        self._asked: dict[tuple[bytes, str], asyncio.Future[tuple[float, Any]]] = {}

    async def get(self, key: tuple[bytes, str], ask: Callable[[], Awaitable[tuple[float, Any]]]) -> Any:
        """`ask` gives how long its answer is good, in seconds, and the answer."""
        found = self._known.get(key)
        if found is not None and found[0] > time.monotonic():
            return found[1]
        asked = self._asked.get(key)
        if asked is None:
            asked = self._asked[key] = asyncio.ensure_future(ask())
            asked.add_done_callback(lambda done: self._keep(key, done))
        # who goes away does not take the answer from the others
        return (await asyncio.shield(asked))[1]

    def _keep(self, key: tuple[bytes, str], done: asyncio.Future[tuple[float, Any]]) -> None:
        del self._asked[key]
        if done.cancelled() or done.exception() is not None:
            return
        seconds, answer = done.result()
        self._known[key] = time.monotonic() + seconds, answer
        self._known.move_to_end(key)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)


class _App(msgspec.Struct):
    guid: str


class _Pagination(msgspec.Struct):
    total_pages: int


class _Apps(msgspec.Struct):
    pagination: _Pagination
    resources: list[_App]


class Access:
    """Ends with `close`."""

    def __init__(self, verifier: Verifier, controller: CloudController) -> None:
        self._verifier = verifier
        self._controller = controller
        verify: Any = ssl.create_default_context(cafile=controller.ca) if controller.ca else True
        self._http = httpx2.AsyncClient(base_url=controller.url, verify=verify, timeout=TIMEOUT, trust_env=False)
        self._answers = _Answers()

    async def need(self, header: str | None, app: str) -> None:
        """Returns where the bearer may read the app; LogCacheError 401, 404 or 503."""
        token, everything = await self._checked(header)
        if everything:
            return
        refusal = await self._answers.get(_key(token, app), lambda: self._ask(token, app))
        if refusal is not None:
            raise refusal

    async def readable(self, header: str | None) -> frozenset[str] | None:
        """The guids of all apps that the bearer may read; None: all there are."""
        token, everything = await self._checked(header)
        if everything:
            return None
        return await self._answers.get(_key(token, ""), lambda: self._list(token))

    async def close(self) -> None:
        """Close connections."""
        await self._http.aclose()
        await self._verifier.close()

    async def _checked(self, header: str | None) -> tuple[str, bool]:
        token = bearer(header)
        if token is None:
            raise unauthenticated("Authorization: bearer TOKEN is missing")
        try:
            claims = await self._verifier.verify(token)
        except TokenError as error:
            raise unauthenticated(str(error)) from None
        except KeysAwayError as error:
            log.warning("keys_away", error=str(error))
            raise unavailable("The token cannot be checked just now; try again shortly") from None
        return token, claims.allows(*READ_ALL)

    async def _ask(self, token: str, app: str) -> tuple[float, LogCacheError | None]:
        answer = await self._get(token, f"/v3/apps/{app}")
        if answer.status_code == httpx2.codes.OK:
            return self._controller.seconds, None
        return self._controller.refusal_seconds, not_found(f"app {app} not found")

    async def _list(self, token: str) -> tuple[float, frozenset[str]]:
        guids: set[str] = set()
        page, pages = 0, 1
        while page < pages:
            page += 1
            answer = await self._get(token, f"/v3/apps?per_page={PAGE}&page={page}")
            if answer.status_code != httpx2.codes.OK:
                raise _not_answered(f"status {answer.status_code}")
            try:
                found = msgspec.json.decode(answer.content, type=_Apps)
            except msgspec.MsgspecError:
                raise _not_answered("something that is no list of apps") from None
            guids.update(one.guid for one in found.resources)
            pages = found.pagination.total_pages
        return self._controller.seconds, frozenset(guids)

    async def _get(self, token: str, path: str) -> httpx2.Response:
        try:
            answer = await self._http.get(path, headers={"Authorization": f"bearer {token}"})
        except httpx2.HTTPError as error:
            raise _not_answered(str(error) or type(error).__name__) from None
        if answer.status_code == httpx2.codes.UNAUTHORIZED:
            raise unauthenticated("The cloud controller does not take the token")
        if answer.status_code >= 500 or answer.status_code == httpx2.codes.TOO_MANY_REQUESTS:
            raise _not_answered(f"status {answer.status_code}")
        return answer


def _key(token: str, app: str) -> tuple[bytes, str]:
    return hashlib.sha256(token.encode()).digest(), app


def _not_answered(what: str) -> LogCacheError:
    log.warning("cloud_controller", error=what)
    return unavailable("The cloud controller does not say who may read the app; try again shortly")
