"""The v3 API as an admin's client, with a token of its own."""

from __future__ import annotations

import ssl
import time
from typing import Any

import httpx2
import msgspec

POLL_SECONDS = 0.3


class AdminConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`api` and `uaa`: addresses; `client` with `secret` may act as an admin; `seconds`: how long one operation may take."""

    api: str
    uaa: str
    client: str
    secret: str
    ca: str = ""
    seconds: float = 120


class RefusedError(Exception):
    """The platform refuses, or does not answer; says what was asked and what it said."""


class AdminSession:
    """One session, as a context."""

    def __init__(self, config: AdminConfig) -> None:
        verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=config.ca) if config.ca else True
        self._config = config
        self._client = httpx2.Client(verify=verify, timeout=httpx2.Timeout(90, connect=10), trust_env=False)

    def __enter__(self) -> AdminSession:
        answer = self._ask(
            "POST",
            f"{self._config.uaa.rstrip('/')}/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=(self._config.client, self._config.secret),
            headers={"accept": "application/json"},
        )
        self._client.headers["authorization"] = f"bearer {answer.json()['access_token']}"
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def api(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """One request; RefusedError unless the answer is a success."""
        return self._ask(method, f"{self._config.api.rstrip('/')}{path}", **more)

    def resources(self, path: str, **query: str | int) -> list[dict[str, Any]]:
        """A list, of at most 5,000."""
        return self.api("GET", path, params={"per_page": 5000, **query}).json()["resources"]

    def finish(self, answer: httpx2.Response) -> None:
        """Until the job that an answer names, if it names one, is complete."""
        if "location" not in answer.headers:
            return
        deadline = time.monotonic() + self._config.seconds
        # by the path alone: the address that users know may not be reached from here
        path = httpx2.URL(answer.headers["location"]).path
        while True:
            found = self.api("GET", path).json()
            if found["state"] == "COMPLETE":
                return
            if found["state"] == "FAILED":
                words = "; ".join(one.get("detail", "") for one in found.get("errors", []))
                raise RefusedError(f"the platform could not take it over: {words}")
            if time.monotonic() > deadline:
                raise RefusedError(f"not done after {self._config.seconds:g} s ({found.get('operation', path)})")
            time.sleep(POLL_SECONDS)

    def _ask(self, method: str, url: str, **more: Any) -> httpx2.Response:
        shown = f"{method} {url.partition('?')[0]}"
        try:
            answer = self._client.request(method, url, **more)
        except httpx2.HTTPError as error:
            raise RefusedError(f"{shown}: {type(error).__name__}: {error}") from None
        if answer.is_success:
            return answer
        try:
            said = "; ".join(error["detail"] for error in answer.json()["errors"])
        except (ValueError, KeyError, TypeError):
            said = answer.text[:500]
        raise RefusedError(f"{shown}: {answer.status_code}: {said}")
