"""The part of the v3 API that brokers are registered by, with a token of the errand's own client."""

from __future__ import annotations

import ssl
import time
from typing import Any

import httpx2

from paas.services.register.config import RegisterConfig, Registered

POLL_SECONDS = 0.3


class RegisterError(Exception):
    """The platform refuses, or does not answer; says what was asked and what it said."""


class Platform:
    """One session."""

    def __init__(self, config: RegisterConfig) -> None:
        verify: ssl.SSLContext | bool = ssl.create_default_context(cafile=config.ca) if config.ca else True
        self._config = config
        self._http = httpx2.Client(verify=verify, timeout=httpx2.Timeout(90, connect=10), trust_env=False)

    def __enter__(self) -> Platform:
        answer = self._ask(
            "POST",
            f"{self._config.uaa.rstrip('/')}/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=(self._config.client, self._config.secret),
            headers={"accept": "application/json"},
        )
        self._http.headers["authorization"] = f"bearer {answer.json()['access_token']}"
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def register(self, broker: Registered) -> str:
        """Make it, or give it these credentials and read its catalog again; what was done."""
        credentials = {"username": broker.username, "password": broker.password}
        body = {"url": broker.url, "authentication": {"type": "basic", "credentials": credentials}}
        found = self._api("GET", "/v3/service_brokers", params={"names": broker.name}).json()["resources"]
        if found:
            self._await(self._api("PATCH", f"/v3/service_brokers/{found[0]['guid']}", json=body))
            return "changed"
        self._await(self._api("POST", "/v3/service_brokers", json={"name": broker.name, **body}))
        return "new"

    def publish(self, broker: Registered) -> list[str]:
        """Let all order its plans that nobody may order yet; what was opened so. What an operator gave to some stays theirs."""
        query = {"service_broker_names": broker.name, "include": "service_offering", "per_page": 5000}
        page = self._api("GET", "/v3/service_plans", params=query).json()
        names = {one["guid"]: one["name"] for one in page["included"]["service_offerings"]}
        opened: list[str] = []
        for plan in page["resources"]:
            service = names[plan["relationships"]["service_offering"]["data"]["guid"]]
            if plan["visibility_type"] == "admin" and service not in broker.restricted:
                self._api("PATCH", f"/v3/service_plans/{plan['guid']}/visibility", json={"type": "public"})
                opened.append(f"{service} {plan['name']}")
        return opened

    def _await(self, answer: httpx2.Response) -> None:
        job = answer.headers.get("location")
        deadline = time.monotonic() + self._config.seconds
        while job:
            state: Any = self._ask("GET", job).json()
            if state["state"] == "COMPLETE":
                return
            if state["state"] == "FAILED":
                raise RegisterError("; ".join(error["detail"] for error in state["errors"]))
            if time.monotonic() > deadline:
                raise RegisterError(f"the cloud controller has not finished after {self._config.seconds:g} s")
            time.sleep(POLL_SECONDS)

    def _api(self, method: str, path: str, **more: Any) -> httpx2.Response:
        return self._ask(method, self._config.api.rstrip("/") + path, **more)

    def _ask(self, method: str, url: str, **more: Any) -> httpx2.Response:
        # a job's address begins with the API's public name, which is not known everywhere
        if url.partition("/v3/")[1]:
            url = f"{self._config.api.rstrip('/')}/v3/{url.partition('/v3/')[2]}"
        try:
            answer = self._http.request(method, url, **more)
        except httpx2.TransportError as error:
            raise RegisterError(f"{method} {url}: {error or type(error).__name__}") from None
        if answer.is_success:
            return answer
        try:
            said = "; ".join(error["detail"] for error in answer.json()["errors"])
        except (ValueError, KeyError, TypeError):
            said = f"status {answer.status_code}"
        raise RegisterError(f"{method} {url}: {said}")
