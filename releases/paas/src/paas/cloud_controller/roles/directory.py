"""Asks the UAA who a user is. Source: SCIM 1.1 as the UAA speaks it."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpx2
import msgspec
import structlog

from paas.cloud_controller.api.errors import ApiError
from paas.cloud_controller.config import Uaa
from paas.tokens.client import ServiceClient, ServiceToken
from paas.tokens.errors import NoTokenError

log = structlog.get_logger("directory")

TIMEOUT_SECONDS = 5
AT_ONCE = 50
"""Guids in one question: they travel in the URL."""


@dataclass(frozen=True)
class Person:
    """A user as the UAA knows them."""

    guid: str
    username: str
    origin: str


class _User(msgspec.Struct, frozen=True):
    id: str
    userName: str
    origin: str = "uaa"


class _Users(msgspec.Struct, frozen=True):
    resources: list[_User]


def uaa_unavailable() -> ApiError:
    """The UAA does not tell."""
    return ApiError(503, 20004, "CF-UaaUnavailable", "The UAA service is currently unavailable")


class Directory:
    """One per process. Every question raises ApiError 503 while the UAA is away."""

    def __init__(self, uaa: Uaa) -> None:
        client = ServiceClient(
            token_url=f"{uaa.base}/oauth/token", client_id=uaa.client, client_secret=uaa.secret, ca=uaa.ca
        )
        self._token = ServiceToken(client)
        self._url = f"{uaa.base}/Users"
        verify: Any = ssl.create_default_context(cafile=uaa.ca) if uaa.ca else True
        self._http = httpx2.AsyncClient(verify=verify, timeout=TIMEOUT_SECONDS, trust_env=False)

    async def by_name(self, username: str, origin: str = "") -> list[Person]:
        """Users of that name, of one origin or of all."""
        question = f"userName eq {_quoted(username)}"
        if origin:
            question += f" and origin eq {_quoted(origin)}"
        wanted = username.lower()
        found = await self._ask(question)
        return [one for one in found if one.username.lower() == wanted and origin in ("", one.origin)]

    async def by_guid(self, guids: Iterable[str]) -> dict[str, Person]:
        """Those of these guids that the UAA knows."""
        wanted = list(dict.fromkeys(guids))
        found: dict[str, Person] = {}
        for begin in range(0, len(wanted), AT_ONCE):
            question = " or ".join(f"id eq {_quoted(guid)}" for guid in wanted[begin : begin + AT_ONCE])
            found |= {one.guid: one for one in await self._ask(question) if one.guid in wanted}
        return found

    async def close(self) -> None:
        """Close the connections."""
        await self._token.close()
        await self._http.aclose()

    async def _ask(self, question: str) -> list[Person]:
        for attempt in (1, 2):
            try:
                headers = {"authorization": f"bearer {await self._token.get()}"}
                params = {"filter": question, "attributes": "id,userName,origin", "count": "500"}
                answer = await self._http.get(self._url, params=params, headers=headers)
            except (NoTokenError, httpx2.HTTPError) as error:
                log.warning("uaa_away", error=str(error) or type(error).__name__)
                raise uaa_unavailable() from None
            if answer.status_code == httpx2.codes.UNAUTHORIZED and attempt == 1:
                self._token.forget()
                continue
            if answer.status_code != httpx2.codes.OK:
                log.warning("uaa_refuses", status=answer.status_code)
                raise uaa_unavailable()
            try:
                users = msgspec.json.decode(answer.content, type=_Users).resources
            except msgspec.MsgspecError as error:
                log.warning("uaa_malformed", error=str(error))
                raise uaa_unavailable() from None
            return [Person(one.id, one.userName, one.origin) for one in users]
        raise uaa_unavailable()


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
