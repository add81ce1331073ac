"""A small service broker as a process of its own: it keeps what it is asked to make, and answers what a test tells it to."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from lab.ports import free_port

USER, PASSWORD = "broker", "broker-password"


def catalog(prefix: str = "") -> dict[str, Any]:
    """Two services: ``db`` with plans small, large and slow (that works in the background), and ``keyless``, which has none."""
    plans = [
        {"id": f"{prefix}small-id", "name": "small", "description": "a small one", "free": True},
        {
            "id": f"{prefix}large-id",
            "name": "large",
            "description": "a large one",
            "free": False,
            "maintenance_info": {"version": "1.2.3", "description": "new engine"},
            "metadata": {"costs": [{"amount": {"eur": 9.5}, "unit": "MONTHLY"}], "bullets": ["much"]},
        },
        {"id": f"{prefix}slow-id", "name": "slow", "description": "made in the background"},
    ]
    return {
        "services": [
            {
                "id": f"{prefix}db-id",
                "name": f"{prefix}db",
                "description": "databases",
                "bindable": True,
                "tags": ["sql", "relational"],
                "plan_updateable": True,
                "bindings_retrievable": True,
                "instances_retrievable": True,
                "metadata": {"displayName": "Databases", "documentationUrl": "https://docs.test/db"},
                "requires": ["syslog_drain"],
                "plans": plans,
            },
            {
                "id": f"{prefix}bare-id",
                "name": f"{prefix}bare",
                "description": "nothing to bind",
                "bindable": False,
                "plans": [{"id": f"{prefix}bare-plan", "name": "only", "description": "the only one"}],
            },
        ]
    }


class Broker:
    """What the process keeps. `told`: kind of request -> answers that are given first, one each."""

    def __init__(self) -> None:
        self.catalog = catalog()
        self.told: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[dict[str, Any]] = []
        self.instances: dict[str, Any] = {}
        self.bindings: dict[str, Any] = {}
        self.going = True

    async def handle(self, request: Request, kind: str) -> Response:
        """One request of the broker API."""
        wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if request.headers.get("authorization") != wanted:
            return JSONResponse({"description": "who are you?"}, 401)
        raw = await request.body()
        body = json.loads(raw) if raw else {}
        headers = {k: v for k, v in request.headers.items() if k.startswith("x-broker")}
        self.asked.append(
            {
                "kind": kind,
                "path": request.url.path,
                "query": dict(request.query_params),
                "body": dict(body),
                "headers": headers,
            }
        )
        if self.told.get(kind):
            return await said(self.told[kind].pop(0))
        return getattr(self, f"on_{kind}")(request, body)

    def on_catalog(self, _: Request, __: Any) -> Response:
        return JSONResponse(self.catalog)

    def _slow(self, plan: str) -> bool:
        return plan.endswith("slow-id")

    def on_provision(self, request: Request, body: Any) -> Response:
        guid = request.path_params["instance"]
        self.instances[guid] = body
        answer = {"dashboard_url": f"https://dashboard.test/{guid}"}
        return (
            JSONResponse({**answer, "operation": "making"}, 202)
            if self._slow(body["plan_id"])
            else JSONResponse(answer, 201)
        )

    def on_update(self, request: Request, body: Any) -> Response:
        instance = self.instances[request.path_params["instance"]]
        instance.update(body)
        return JSONResponse({"operation": "changing"}, 202) if self._slow(body["plan_id"]) else JSONResponse({})

    def on_deprovision(self, request: Request, _: Any) -> Response:
        found = self.instances.pop(request.path_params["instance"], None)
        if found is None:
            return JSONResponse({}, 410)
        return JSONResponse({"operation": "removing"}, 202) if self._slow(found["plan_id"]) else JSONResponse({})

    def on_operation(self, request: Request, _: Any) -> Response:
        if not self.going:
            return JSONResponse({"state": "in progress", "description": "half way"})
        if request.path_params["instance"] not in self.instances:
            return JSONResponse({}, 410)
        return JSONResponse({"state": "succeeded", "description": "there"})

    def on_bind(self, request: Request, body: Any) -> Response:
        self.bindings[request.path_params["binding"]] = body
        return (
            JSONResponse({"operation": "binding"}, 202)
            if self._slow(body["plan_id"])
            else JSONResponse(self._secret(request), 201)
        )

    def _secret(self, request: Request) -> dict[str, Any]:
        name = request.path_params["binding"]
        return {
            "credentials": {"user": name, "password": f"secret of {name}", "port": 5432},
            "syslog_drain_url": "syslog://drain.test:514",
        }

    def on_unbind(self, request: Request, _: Any) -> Response:
        found = self.bindings.pop(request.path_params["binding"], None)
        if found is None:
            return JSONResponse({}, 410)
        return JSONResponse({"operation": "unbinding"}, 202) if self._slow(found["plan_id"]) else JSONResponse({})

    def on_binding_operation(self, request: Request, _: Any) -> Response:
        if not self.going:
            return JSONResponse({"state": "in progress"})
        return JSONResponse(
            {"state": "succeeded"} if request.path_params["binding"] in self.bindings else {},
            200 if request.path_params["binding"] in self.bindings else 410,
        )

    def on_fetch_binding(self, request: Request, _: Any) -> Response:
        bound = self.bindings[request.path_params["binding"]]
        return JSONResponse({**self._secret(request), "parameters": bound.get("parameters", {})})

    def on_fetch_instance(self, request: Request, _: Any) -> Response:
        instance = self.instances[request.path_params["instance"]]
        return JSONResponse({"parameters": instance.get("parameters", {}), "dashboard_url": "https://dashboard.test/x"})

    async def control(self, request: Request) -> Response:
        """GET: what was asked; PUT: set attributes."""
        if request.method == "PUT":
            for name, value in (await request.json()).items():
                setattr(self, name, value)
        return JSONResponse({"asked": self.asked, "instances": self.instances, "bindings": self.bindings})


async def said(answer: dict[str, Any]) -> Response:
    """An answer as told: status, body (JSON) or raw (text), after `delay` seconds, or a broken one (`drop`)."""
    await asyncio.sleep(answer.get("delay", 0))
    headers = answer.get("headers", {})
    status = answer.get("status", 200)
    if answer.get("drop"):

        async def half() -> Any:
            yield b"{"

        return StreamingResponse(half(), status, {"content-length": "100", **headers})
    if "raw" in answer:
        return Response(answer["raw"].encode("latin-1"), status, headers, "application/json")
    return JSONResponse(answer.get("body", {}), status, headers)


def application(broker: Broker) -> Starlette:
    """The broker API, and ``/control`` for the test."""

    def route(method: str, path: str, kind: str) -> Route:
        async def serve(request: Request) -> Response:
            return await broker.handle(request, kind)

        return Route(f"/v2{path}", serve, methods=[method])

    one = "/service_instances/{instance}"
    bound = f"{one}/service_bindings/{{binding}}"
    return Starlette(
        routes=[
            Route("/control", broker.control, methods=["GET", "PUT"]),
            route("GET", "/catalog", "catalog"),
            route("GET", f"{one}/last_operation", "operation"),
            route("PUT", one, "provision"),
            route("PATCH", one, "update"),
            route("DELETE", one, "deprovision"),
            route("GET", one, "fetch_instance"),
            route("GET", f"{bound}/last_operation", "binding_operation"),
            route("PUT", bound, "bind"),
            route("DELETE", bound, "unbind"),
            route("GET", bound, "fetch_binding"),
        ]
    )


class BrokerProcess:
    """The process as a test holds it."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process = subprocess.Popen([sys.executable, "-m", __name__, str(self.port)])
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            assert self._process.poll() is None, "the broker has ended"
            with contextlib.suppress(httpx2.HTTPError):
                httpx2.get(f"{self.url}/control", trust_env=False)
                return
            time.sleep(0.05)
        raise AssertionError("the broker does not serve")

    def set(self, **attributes: Any) -> None:
        """Set the broker's attributes: `catalog`, `told`, `going`, `asked`."""
        httpx2.put(f"{self.url}/control", json=attributes, trust_env=False).raise_for_status()

    def tell(self, kind: str, *answers: dict[str, Any]) -> None:
        """The next answers to requests of this kind, and nothing that was told before."""
        self.set(told={kind: list(answers)})

    def state(self) -> dict[str, Any]:
        """`asked`, `instances` and `bindings`."""
        return httpx2.get(f"{self.url}/control", trust_env=False).json()

    def asked(self, kind: str) -> list[dict[str, Any]]:
        """The requests of one kind."""
        return [one for one in self.state()["asked"] if one["kind"] == kind]

    def reset(self, prefix: str = "") -> None:
        """As it was at the start, with these names in its catalog."""
        self.set(catalog=catalog(prefix), told={}, asked=[], instances={}, bindings={}, going=True)

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait(30)


@contextlib.contextmanager
def broker_process() -> Iterator[BrokerProcess]:
    """One for as long as the block."""
    one = BrokerProcess()
    try:
        yield one
    finally:
        one.end()


if __name__ == "__main__":
    uvicorn.run(application(Broker()), host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
