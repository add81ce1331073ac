"""The part of the v3 API that buildpacks are put in by, with a token of the errand's own client."""

from __future__ import annotations

import ssl
import time
from pathlib import Path
from typing import Any

import httpx2

from paas.push_buildpacks.config import Config

DIGEST = "sha256"
"""Annotation with the digest of what was uploaded."""
POLL_SECONDS = 0.3


class PushError(Exception):
    """The platform refuses, or does not answer; says what was asked and what it said."""


class Platform:
    """One session."""

    def __init__(self, config: Config) -> None:
        verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=config.ca) if config.ca else True
        self._config = config
        self._client = httpx2.Client(verify=verify, timeout=httpx2.Timeout(60, connect=10), trust_env=False)

    def __enter__(self) -> Platform:
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

    def buildpacks(self, name: str) -> list[dict[str, Any]]:
        """Those of this name, of whatever stack."""
        return self._api("GET", "/v3/buildpacks", params={"names": name}).json()["resources"]

    def create(self, name: str) -> dict[str, Any]:
        """A new one, behind all that are there."""
        count = self._api("GET", "/v3/buildpacks", params={"per_page": 1}).json()["pagination"]["total_results"]
        return self._api("POST", "/v3/buildpacks", json={"name": name, "position": count + 1}).json()

    def upload(self, guid: str, file: Path, digest: str) -> None:
        """Its content, taken over by the platform when this returns."""
        with file.open("rb") as opened:
            answer = self._api(
                "POST", f"/v3/buildpacks/{guid}/upload", files={"bits": (file.name, opened, "application/zip")}
            )
        self._await(answer.headers["location"])
        self._api("PATCH", f"/v3/buildpacks/{guid}", json={"metadata": {"annotations": {DIGEST: digest}}})

    def _await(self, job: str) -> None:
        deadline = time.monotonic() + self._config.seconds
        # by the path alone: the address that users know may not be reached from here
        path = httpx2.URL(job).path
        while True:
            found = self._api("GET", path).json()
            if found["state"] == "COMPLETE":
                return
            if found["state"] == "FAILED":
                words = "; ".join(one.get("detail", "") for one in found.get("errors", []))
                raise PushError(f"the platform could not take it over: {words}")
            if time.monotonic() > deadline:
                raise PushError(f"the platform has not taken it over after {self._config.seconds:g} s")
            time.sleep(POLL_SECONDS)

    def _api(self, method: str, path: str, **more: Any) -> httpx2.Response:
        return self._ask(method, self._config.api.rstrip("/") + path, **more)

    def _ask(self, method: str, url: str, **more: Any) -> httpx2.Response:
        shown = f"{method} {url.partition('?')[0]}"
        try:
            answer = self._client.request(method, url, **more)
        except httpx2.HTTPError as error:
            raise PushError(f"{shown}: {type(error).__name__}: {error}") from None
        if answer.status_code >= 400:
            raise PushError(f"{shown}: {answer.status_code}: {answer.text[:500]}")
        return answer
