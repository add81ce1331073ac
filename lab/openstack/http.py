"""The few requests that the lab makes before its clients' library can."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(method: str, url: str, body: object = None, token: str = "") -> tuple[dict[str, Any], str]:
    """The answer's document and the token that it hands out, if it does."""
    headers = {"Content-Type": "application/json", **({"X-Auth-Token": token} if token else {})}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, method=method, headers=headers, data=data)
    with _direct.open(request, timeout=60) as answer:
        raw = answer.read()
        return (json.loads(raw) if raw else {}), answer.headers.get("X-Subject-Token", "")


def admin_token(identity_url: str, password: str) -> str:
    """Sign the administrator in."""
    user = {"name": "admin", "password": password, "domain": {"id": "default"}}
    auth = {
        "identity": {"methods": ["password"], "password": {"user": user}},
        "scope": {"project": {"name": "admin", "domain": {"id": "default"}}},
    }
    return ask("POST", f"{identity_url}/auth/tokens", {"auth": auth})[1]
