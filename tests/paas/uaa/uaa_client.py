"""What a client of UAA does, by real requests."""

from __future__ import annotations

import base64
import json
import secrets
from typing import Any

import httpx2

from tests.paas.uaa.uaa_process import ADMIN_PASSWORD, CLIENT_SECRET

CF = ("cf", "")
CC = ("cc", CLIENT_SECRET)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"bearer {token}"}


def said(token: str) -> dict[str, Any]:
    """The payload, unchecked."""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class UaaClient:
    """Of one server."""

    def __init__(self, url: str) -> None:
        self.http = httpx2.Client(base_url=url, timeout=30, trust_env=False)

    def token(self, auth: tuple[str, str] | None = CF, **fields: str) -> httpx2.Response:
        return self.http.post("/oauth/token", data=fields, auth=auth)

    def log_in(self, name: str, password: str, auth: tuple[str, str] = CF) -> dict[str, Any]:
        answer = self.token(auth, grant_type="password", username=name, password=password)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refresh(self, token: str) -> httpx2.Response:
        return self.token(grant_type="refresh_token", refresh_token=token)

    def admin(self) -> dict[str, str]:
        """The administrator's header."""
        return bearer(self.log_in("admin", ADMIN_PASSWORD)["access_token"])

    def new_user(self, headers: dict[str, str], password: str = "first", **more: Any) -> dict[str, Any]:
        name = f"user-{secrets.token_hex(4)}"
        body = {"userName": name, "password": password, "emails": [{"value": f"{name}@example.org"}], **more}
        answer = self.http.post("/Users", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        return answer.json()
