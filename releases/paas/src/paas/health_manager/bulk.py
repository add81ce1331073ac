"""Reads all that is wanted from the cloud controller, page by page; the bus tells the credentials."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator

import httpx2
import msgspec
import structlog

from paas.bus.client import Bus
from paas.messages.dea import Nothing
from paas.messages.health import BulkCredentials, Desired, DesiredPage

log = structlog.get_logger("health_manager")

CREDENTIALS_SECONDS = 5
PAGE_SECONDS = 30
TRIES = 3

_page = msgspec.json.Decoder(DesiredPage)


class BulkError(Exception):
    """What is wanted could not be read, and why."""


class BulkReader:
    """`urls`: of the cloud controllers; `batch`: apps per page."""

    def __init__(self, bus: Bus, urls: list[str], ca: str, partition: str, batch: int) -> None:
        self._bus = bus
        self._subject = f"cloudcontroller.bulk.credentials.{partition}"
        self._batch = batch
        verify = ssl.create_default_context(cafile=ca) if ca else True
        self._http = httpx2.AsyncClient(verify=verify, timeout=PAGE_SECONDS)
        self._urls = [f"{url.rstrip('/')}/bulk/apps" for url in urls]
        self._credentials: BulkCredentials | None = None

    async def pages(self) -> AsyncIterator[dict[str, Desired]]:
        """All apps; BulkError or NoAnswerError where they end before the last page."""
        token = {"id": 0}
        while True:
            page = await self._read(token)
            if not page.results:
                return
            yield page.results
            if page.bulk_token == token:
                raise BulkError("the cloud controller gave the same page's token again")
            token = page.bulk_token

    async def close(self) -> None:
        """End the connections."""
        await self._http.aclose()

    async def _read(self, token: dict[str, int]) -> DesiredPage:
        error = ""
        for _ in range(TRIES * len(self._urls)):
            if self._credentials is None:
                self._credentials = await self._bus.request(
                    self._subject, Nothing(), BulkCredentials, CREDENTIALS_SECONDS
                )
            try:
                answer = await self._http.get(
                    self._urls[0],
                    params={"batch_size": self._batch, "bulk_token": msgspec.json.encode(token).decode()},
                    auth=(self._credentials.user, self._credentials.password),
                )
            except httpx2.HTTPError as fault:
                error = str(fault) or type(fault).__name__
                self._next()
                continue
            if answer.status_code == 200:
                try:
                    return _page.decode(answer.content)
                except msgspec.MsgspecError as fault:
                    raise BulkError(f"GET /bulk/apps: {fault}") from None
            if answer.status_code == 401:
                self._credentials = None  # they may have been changed
            else:
                self._next()
            error = f"status {answer.status_code}"
        raise BulkError(f"GET /bulk/apps: {error}")

    def _next(self) -> None:
        self._urls = [*self._urls[1:], self._urls[0]]
