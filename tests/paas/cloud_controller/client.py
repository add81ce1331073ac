"""Asks the API as a client does: with a token, following jobs to their end."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx2


class Api:
    """`get`, `post` … answer the JSON body of a success; `fail` answers the first error of a failure."""

    def __init__(self, url: str, token: str = "") -> None:
        headers = {"authorization": f"bearer {token}"} if token else {}
        self.http = httpx2.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=30)

    async def __aenter__(self) -> Api:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> httpx2.Response:
        """The answer as it is."""
        return await self.http.request(method, path, **({"json": body} if body is not None else {}), **more)

    async def _good(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = await self.ask(method, path, body, **more)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        if location := answer.headers.get("location"):
            await self.job(location)
        return answer.json() if answer.content else None

    async def get(self, path: str, **query: Any) -> Any:
        return await self._good("GET", path, params=query or None)

    async def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return await self._good("POST", path, body, **more)

    async def patch(self, path: str, body: Any) -> Any:
        return await self._good("PATCH", path, body)

    async def put(self, path: str, body: Any = None) -> Any:
        return await self._good("PUT", path, body)

    async def delete(self, path: str) -> Any:
        return await self._good("DELETE", path)

    async def fail(self, status: int, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        """The first error; fails where the answer has another status, or its job succeeds."""
        answer = await self.ask(method, path, body, **more)
        if location := answer.headers.get("location"):
            job = await self.ended(location)
            assert job["state"] == "FAILED", job
            return job["errors"][0]
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()["errors"][0]

    async def job(self, url: str) -> dict[str, Any]:
        """Wait until the job is complete."""
        job = await self.ended(url)
        assert job["state"] == "COMPLETE", job
        return job

    async def ended(self, url: str) -> dict[str, Any]:
        """Wait until the job has ended, well or not."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            job = (await self.http.get(url)).raise_for_status().json()
            if job["state"] in ("COMPLETE", "FAILED"):
                return job
            await asyncio.sleep(0.05)
        raise AssertionError(f"{url} does not end")
