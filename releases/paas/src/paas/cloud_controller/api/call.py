"""One request: who asks, a transaction, the query, the body; and how an answer is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from paas.cloud_controller.api.body import LARGEST, decode
from paas.cloud_controller.api.errors import ApiError
from paas.cloud_controller.api.identity import Identity
from paas.cloud_controller.api.query import Query
from paas.cloud_controller.platform import Platform
from paas.database.transaction import Transaction

B = TypeVar("B")


@dataclass
class Call:
    """A request that has been let in. `db` is one transaction: it is committed when the handler returns, and not when it raises."""

    request: Request
    platform: Platform
    who: Identity
    connection: Transaction | None
    content: bytes | None = None
    """The body, where it was read already: before the transaction, so that a slow client does not keep one open."""

    @property
    def db(self) -> Transaction:
        """The transaction; endpoints made with ``transaction=False`` have none and open their own."""
        assert self.connection is not None, "this endpoint opens its own transactions"
        return self.connection

    def path(self, name: str = "guid") -> str:
        """A part of the path."""
        return self.request.path_params[name]

    @cached_property
    def query(self) -> Query:
        """The query parameters."""
        return Query.of(self.request.query_params.multi_items())

    async def receive(self, most: int) -> bytes:
        """The body's bytes from the client; 413 where they are more than `most`."""
        parts: list[bytes] = []
        size = 0
        async for part in self.request.stream():
            size += len(part)
            if size > most:
                raise ApiError(413, 10004, "CF-InvalidRequest", f"The body is larger than {most} bytes")
            parts.append(part)
        return b"".join(parts)

    async def raw(self) -> bytes:
        """The body's bytes."""
        if self.content is None:
            self.content = await self.receive(LARGEST)
        return self.content

    async def body(self, kind: type[B]) -> B:
        """The JSON body as `kind`."""
        return decode(await self.raw(), kind)

    def url(self, path: str) -> str:
        """An absolute URL of this API."""
        return self.platform.config.url.rstrip("/") + path

    def link(self, path: str, method: str = "") -> dict[str, str]:
        """An entry of ``links``."""
        return {"href": self.url(path), "method": method} if method else {"href": self.url(path)}


Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True)
class Endpoint:
    """A path of the API. Methods of one path are gathered from several of these."""

    method: str
    path: str
    handler: Handler
    open: bool = False
    """Anybody may call it, without a token."""
    transaction: bool = True
    """One transaction around the handler, which has the whole body."""
    most: int = LARGEST
    """Of the body, in bytes."""


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        headers=dict(headers or {}),
        media_type="application/json; charset=utf-8",
    )


def empty(status: int = 204) -> Response:
    """An answer without a body."""
    return Response(status_code=status)


def accepted(call: Call, job: str, body: Any = None, warnings: list[str] | None = None) -> Response:
    """202 with the job's URL in ``Location``."""
    headers = {"Location": call.url(f"/v3/jobs/{job}")}
    if warnings:
        headers["X-Cf-Warnings"] = ",".join(quote(one, safe="") for one in warnings)
    if body is None:
        return Response(status_code=202, headers=headers)
    return answer(body, 202, headers)
