"""Requests to apps through the router, by host name, where no name server knows them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2

SECONDS = 60


class Web:
    """The router at `address`:`port`."""

    def __init__(self, address: str, port: int) -> None:
        self.address, self.port = address, port
        self._client = httpx2.AsyncClient(base_url=f"http://{address}:{port}", timeout=SECONDS)

    async def close(self) -> None:
        """End all connections."""
        await self._client.aclose()

    async def get(self, host: str, path: str = "/", **headers: str) -> httpx2.Response:
        """GET, whatever the answer; a router that is away is an error."""
        self._client.cookies.clear()  # a session is what a check sends itself
        return await self._client.get(path, headers={"Host": host, **headers})

    async def post(self, host: str, path: str, body: bytes) -> httpx2.Response:
        """POST."""
        return await self._client.post(path, headers={"Host": host}, content=body)

    async def value(self, host: str, path: str) -> Any:
        """The JSON of an answer, whatever its status."""
        answer = await self.get(host, path)
        try:
            return json.loads(answer.content)
        except ValueError:
            raise AssertionError(f"http://{host}{path}: {answer.status_code} {answer.text[:300]}") from None

    async def until(self, host: str, path: str, text: str, seconds: float = 60) -> None:
        """Until a GET answers 200 with `text` in it."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            answer = await self.get(host, path)
            if answer.status_code == 200 and text in answer.text:
                return
            if loop.time() > deadline:
                raise AssertionError(
                    f"http://{host}{path}: not {text!r} within {seconds:g} s but {answer.status_code} {answer.text[:300]}"
                )
            await asyncio.sleep(0.2)
