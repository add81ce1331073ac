"""Asks a service broker. Source: Open Service Broker API 2.17."""

from __future__ import annotations

import asyncio
import base64
import ssl
import uuid
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

import httpx2
import msgspec

from paas.cloud_controller.broker.answers import (
    OPERATION_CHARACTERS,
    Began,
    Bound,
    Fetched,
    LastOperation,
    Provisioned,
)
from paas.cloud_controller.broker.errors import Asked, FailedError, MalformedError, TimedOutError, UnreachableError
from paas.cloud_controller.broker.reading import Raw, decoded, fault_of

API_VERSION = "2.17"
CONNECT_SECONDS = 10
LARGEST_ANSWER = 16 * 1024 * 1024

T = TypeVar("T")


@dataclass(frozen=True)
class Instance:
    """A service instance as a broker knows it: `service` and `plan` by the ids of its catalog."""

    guid: str
    service: str
    plan: str

    @property
    def path(self) -> str:
        """Below ``/v2``."""
        return f"/service_instances/{quote(self.guid, safe='')}"

    @property
    def ids(self) -> dict[str, str]:
        """What each request repeats."""
        return {"service_id": self.service, "plan_id": self.plan}


@dataclass(frozen=True)
class Binding:
    """A binding of an instance."""

    guid: str
    instance: Instance

    @property
    def path(self) -> str:
        """Below ``/v2``."""
        return f"{self.instance.path}/service_bindings/{quote(self.guid, safe='')}"


@dataclass(frozen=True)
class Reply(Generic[T]):
    """`done`, or still going on in the background under the name `operation`."""

    done: bool
    body: T
    operation: str = ""


@dataclass(frozen=True)
class Polled:
    """How an operation stands; `gone` where the broker knows nothing of it any more (410). `retry_after` in seconds."""

    state: str
    description: str = ""
    retry_after: float | None = None
    gone: bool = False


class Brokers:
    """The connections to all brokers, one of these per process. `timeout` in seconds for a whole answer; `ca`: a file of more authorities."""

    def __init__(self, timeout: float, ca: str = "") -> None:
        context = ssl.create_default_context()
        if ca:
            context.load_verify_locations(ca)
        self.timeout = timeout
        self.http = httpx2.AsyncClient(
            verify=context,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx2.Timeout(timeout, connect=CONNECT_SECONDS),
        )

    def client(self, name: str, url: str, username: str, password: str, user: str = "") -> BrokerClient:
        """For one broker; `user`: the guid of the user on whose behalf it is asked."""
        return BrokerClient(self, name, url.rstrip("/"), httpx2.BasicAuth(username, password), user)

    async def close(self) -> None:
        """Close the connections."""
        await self.http.aclose()


@dataclass(frozen=True)
class BrokerClient:
    """One broker. Every method raises BrokerError."""

    brokers: Brokers
    name: str
    url: str
    auth: httpx2.BasicAuth
    user: str

    async def catalog(self) -> dict[str, Any]:
        """The catalog as the broker says it."""
        raw = await self._ask("GET", "/catalog")
        expected = "200 with a JSON object that has services"
        if raw.status != 200:
            raise fault_of(raw, expected)
        return decoded(raw, dict[str, Any], expected)

    async def provision(self, instance: Instance, body: dict[str, Any]) -> Reply[Provisioned]:
        """Make an instance; `body` beside the ids: context, organization_guid, space_guid, parameters, maintenance_info."""
        raw = await self._ask("PUT", instance.path, {"accepts_incomplete": "true"}, {**instance.ids, **body})
        return self._reply(raw, Provisioned, (200, 201, 202), "200, 201 or 202 with a JSON object")

    async def update(self, instance: Instance, body: dict[str, Any]) -> Reply[Provisioned]:
        """Change its plan or parameters; `instance.plan` is the new plan."""
        raw = await self._ask("PATCH", instance.path, {"accepts_incomplete": "true"}, {**instance.ids, **body})
        return self._reply(raw, Provisioned, (200, 202), "200 or 202 with a JSON object")

    async def deprovision(self, instance: Instance) -> Reply[Began]:
        """Remove it; one that is gone already is a success."""
        raw = await self._ask("DELETE", instance.path, {**instance.ids, "accepts_incomplete": "true"})
        return self._removal(raw)

    async def instance_operation(self, instance: Instance, operation: str) -> Polled:
        """How the last provision, update or deprovision stands."""
        return await self._poll(f"{instance.path}/last_operation", instance, operation)

    async def bind(self, binding: Binding, body: dict[str, Any]) -> Reply[Bound]:
        """Make credentials; `body` beside the ids: context, app_guid, bind_resource, parameters."""
        path, ids = binding.path, binding.instance.ids
        raw = await self._ask("PUT", path, {"accepts_incomplete": "true"}, {**ids, **body})
        expected = "200 or 201 with credentials, or 202"
        if raw.status == 202:
            began = self._reply(raw, Began, (202,), expected)
            return Reply(False, Bound(), began.operation)
        return self._reply(raw, Bound, (200, 201), expected)

    async def unbind(self, binding: Binding) -> Reply[Began]:
        """Remove them; a binding that is gone already is a success."""
        raw = await self._ask("DELETE", binding.path, {**binding.instance.ids, "accepts_incomplete": "true"})
        return self._removal(raw)

    async def binding_operation(self, binding: Binding, operation: str) -> Polled:
        """How the last bind or unbind stands."""
        return await self._poll(f"{binding.path}/last_operation", binding.instance, operation)

    async def fetch_binding(self, binding: Binding) -> Bound:
        """The binding's credentials and parameters."""
        raw = await self._ask("GET", binding.path, binding.instance.ids)
        return self._reply(raw, Bound, (200,), "200 with the binding's credentials").body

    async def fetch_instance(self, instance: Instance) -> Fetched:
        """The instance's parameters."""
        raw = await self._ask("GET", instance.path, instance.ids)
        return self._reply(raw, Fetched, (200,), "200 with the instance").body

    def _reply(self, raw: Raw, kind: type[T], good: tuple[int, ...], expected: str) -> Reply[T]:
        if raw.status not in good:
            raise fault_of(raw, expected)
        body = decoded(raw, kind, expected)
        operation = getattr(body, "operation", None) or ""
        if len(operation) > OPERATION_CHARACTERS:
            raise MalformedError(
                raw.asked,
                "The service broker returned an invalid response: operation is too long",
                f"an operation of at most {OPERATION_CHARACTERS} characters",
                raw.status,
            )
        return Reply(raw.status != 202, body, operation)

    def _removal(self, raw: Raw) -> Reply[Began]:
        if raw.status == 410:
            return Reply(True, Began())
        return self._reply(raw, Began, (200, 202), "200, 202 or 410 with a JSON object")

    async def _poll(self, path: str, instance: Instance, operation: str) -> Polled:
        query = {**instance.ids, "operation": operation} if operation else instance.ids
        raw = await self._ask("GET", path, query)
        expected = 'state as "in progress", "succeeded" or "failed"'
        if raw.status == 410:
            return Polled("succeeded", gone=True)
        if raw.status != 200:
            raise fault_of(raw, expected)
        found = decoded(raw, LastOperation, expected)
        return Polled(found.state, found.description or "", raw.retry_after)

    async def _ask(
        self, method: str, path: str, query: dict[str, str] | None = None, body: dict[str, Any] | None = None
    ) -> Raw:
        plain = f"{self.url}/v2{path}"
        asked = Asked(self.name, method, plain)
        url = f"{plain}?{urlencode(query)}" if query else plain
        try:
            async with asyncio.timeout(self.brokers.timeout):
                return await self._answer(asked, url, body)
        except (TimeoutError, httpx2.ReadTimeout, httpx2.WriteTimeout):
            raise TimedOutError(
                asked,
                "The request to the service broker timed out",
                f"an answer within {self.brokers.timeout:g} s",
            ) from None
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol) as error:
            raise UnreachableError(
                asked, f"The service broker could not be reached: {error or type(error).__name__}"
            ) from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            # it may have heard the request before the connection broke
            raise FailedError(
                asked, f"The connection to the service broker broke: {error or type(error).__name__}"
            ) from None

    async def _answer(self, asked: Asked, url: str, body: dict[str, Any] | None) -> Raw:
        content = None if body is None else msgspec.json.encode(body)
        async with self.brokers.http.stream(
            asked.method, url, content=content, headers=self._headers(content is not None), auth=self.auth
        ) as answer:
            parts: list[bytes] = []
            size = 0
            async for part in answer.aiter_bytes():
                size += len(part)
                if size > LARGEST_ANSWER:
                    raise MalformedError(
                        asked,
                        "The service broker returned an invalid response: it is too long",
                        f"at most {LARGEST_ANSWER} bytes",
                        answer.status_code,
                    )
                parts.append(part)
            return Raw(asked, answer.status_code, b"".join(parts), _seconds(answer.headers.get("retry-after")))

    def _headers(self, has_body: bool) -> dict[str, str]:
        headers = {
            "accept": "application/json",
            "x-broker-api-version": API_VERSION,
            "x-broker-api-request-identity": str(uuid.uuid4()),
        }
        if has_body:
            headers["content-type"] = "application/json"
        if self.user:
            who = base64.b64encode(msgspec.json.encode({"user_id": self.user})).decode()
            headers["x-broker-api-originating-identity"] = f"cloudfoundry {who}"
        return headers


def _seconds(text: str | None) -> float | None:
    """Of ``Retry-After``; a date or nonsense is passed over, and a day is the most."""
    if text is None or not text.strip().isdecimal():
        return None
    return float(min(int(text), 86400))
