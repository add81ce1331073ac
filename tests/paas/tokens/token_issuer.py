"""An HTTP server of a test that publishes keys and grants tokens by credentials, and counts how often it was asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from paas.serve.http import Listen, serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lab.ports import free_port


class Issuer:
    """`keys` by name; what it published at the time of a question counts."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.keys: dict[str, RSAKey] = {}
        self.asked = 0
        self.granted = 0
        self.life = 600

    def add(self, name: str) -> None:
        self.keys[name] = RSAKey.generate_key(2048, {"kid": name})

    def token(self, key: RSAKey | None = None, name: str = "one", **claims: Any) -> str:
        now = int(time.time())
        said = {
            "iss": self.url,
            "sub": "guid",
            "jti": "j",
            "iat": now,
            "exp": now + 60,
            "client_id": "cf",
            "user_id": "guid",
            "scope": ["cloud_controller.read"],
        }
        said |= claims
        return jwt.encode(
            {"alg": "RS256", "kid": name}, {k: v for k, v in said.items() if v is not None}, key or self.keys[name]
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async def keys(_: Request) -> Response:
            self.asked += 1
            return JSONResponse(KeySet(list(self.keys.values())).as_dict(private=False))

        async def grant(request: Request) -> Response:
            self.granted += 1
            if request.headers["authorization"] != "Basic Y2M6c2VjcmV0":
                return JSONResponse({"error": "unauthorized"}, 401)
            return JSONResponse({"access_token": f"token {self.granted}", "expires_in": self.life})

        app = Starlette(routes=[Route("/token_keys", keys), Route("/oauth/token", grant, methods=["POST"])])
        stop, started = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(serve(app, Listen(port=self.port), stop, started))
        await asyncio.wait_for(started.wait(), 20)
        try:
            yield
        finally:
            stop.set()
            await task
