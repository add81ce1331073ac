"""Stands in for the UAA where only its keys matter: serves a JWKS, signs tokens, answers who a user is."""

from __future__ import annotations

import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

USER_SCOPES = ["cloud_controller.read", "cloud_controller.write", "openid"]
ADMIN_SCOPES = [*USER_SCOPES, "cloud_controller.admin"]


class KeysPeer:
    """One key; users are those that tokens were made for, or that were added."""

    def __init__(self) -> None:
        self._key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig", "alg": "RS256"})
        self.users: dict[str, str] = {}
        """Guid -> name."""
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(peer.answer(self.path))

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", "0")))
                self._answer({"access_token": peer.token("client", scopes=["scim.read"]), "expires_in": 600})

            def _answer(self, body: dict[str, Any]) -> None:
                raw = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, path: str) -> dict[str, Any]:
        """Keys, or the users that a filter asks for."""
        parts = urlsplit(path)
        if parts.path == "/token_keys":
            return {"keys": [self._key.as_dict(private=False)]}
        wanted = parse_qs(parts.query).get("filter", [""])[0].lower()
        found = [
            {"id": guid, "userName": name, "origin": "uaa"}
            for guid, name in self.users.items()
            if f'"{guid}"' in wanted or f'"{name.lower()}"' in wanted
        ]
        return {"resources": found, "totalResults": len(found), "startIndex": 1, "itemsPerPage": 100}

    def token(self, name: str, guid: str = "", scopes: list[str] | None = None, seconds: float = 600) -> str:
        """A signed access token of this user."""
        guid = guid or str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
        self.users[guid] = name
        now = int(time.time())
        claims = {
            "iss": f"{self.url}/oauth/token",
            "sub": guid,
            "user_id": guid,
            "user_name": name,
            "email": name,
            "origin": "uaa",
            "client_id": "cf",
            "cid": "cf",
            "scope": scopes if scopes is not None else USER_SCOPES,
            "aud": ["cloud_controller"],
            "jti": uuid.uuid4().hex,
            "iat": now,
            "exp": now + int(seconds),
        }
        return jwt.encode({"alg": "RS256", "kid": "k1"}, claims, self._key)

    def close(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()
