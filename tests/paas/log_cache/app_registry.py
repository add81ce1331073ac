"""An HTTP server of a test that answers for the cloud controller: which token may read which app; it counts the questions."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from paas.serve.http import Listen, serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lab.ports import free_port


class AppRegistry:
    """`readers`: token -> guids. `status`, where set, is the answer to everything."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.readers: dict[str, list[str]] = {}
        self.asked: Counter[str] = Counter()
        self.status = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async def one(request: Request) -> Response:
            self.asked[request.url.path] += 1
            guid = request.path_params["guid"]
            if self.status or guid not in self._mine(request):
                return JSONResponse({"errors": [{"code": 10010}]}, self.status or 404)
            return JSONResponse({"guid": guid})

        async def listed(request: Request) -> Response:
            self.asked[request.url.path] += 1
            page, mine = int(request.query_params["page"]), self._mine(request)
            found = [{"guid": guid} for guid in mine[page - 1 : page]]  # pages of one
            return JSONResponse({"pagination": {"total_pages": max(1, len(mine))}, "resources": found})

        stop, started = asyncio.Event(), asyncio.Event()
        app = Starlette(routes=[Route("/v3/apps/{guid}", one), Route("/v3/apps", listed)])
        task = asyncio.create_task(serve(app, Listen(port=self.port), stop, started))
        await asyncio.wait_for(started.wait(), 20)
        try:
            yield
        finally:
            stop.set()
            await task

    def _mine(self, request: Request) -> list[str]:
        return self.readers.get(request.headers["authorization"].removeprefix("bearer "), [])
