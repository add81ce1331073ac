"""A broker whose plans are public, and a space in which a test makes instances of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.paas.cloud_controller import tenants
from tests.paas.cloud_controller.broker_peer import PASSWORD, USER, BrokerProcess
from tests.paas.cloud_controller.client import Api
from tests.paas.cloud_controller.tenants import to

CREDENTIALS = {"type": "basic", "credentials": {"username": USER, "password": PASSWORD}}


@dataclass
class World:
    """A broker whose plans are public, and a space."""

    admin: Api
    peer: BrokerProcess
    broker: str
    name: str
    prefix: str
    organization: str
    space: str
    plans: dict[str, str]

    async def instance(self, plan: str = "small", **more: Any) -> dict[str, Any]:
        """An instance that is made; asked for as the client does."""
        body = self.wanted(plan, **more)
        await self.admin.post("/v3/service_instances", body)
        return (await self.admin.get("/v3/service_instances", names=body["name"]))["resources"][0]

    def wanted(self, plan: str = "small", **more: Any) -> dict[str, Any]:
        return {
            "type": "managed",
            "name": tenants.name("instance"),
            "relationships": {"space": to(self.space), "service_plan": to(self.plans[plan])},
            **more,
        }

    async def app(self) -> str:
        body = {"name": tenants.name("app"), "relationships": {"space": to(self.space)}}
        return (await self.admin.post("/v3/apps", body))["guid"]

    async def bind(self, app: str, instance: str, **more: Any) -> dict[str, Any]:
        body = {"type": "app", "relationships": {"app": to(app), "service_instance": to(instance)}, **more}
        await self.admin.post("/v3/service_credential_bindings", body)
        found = await self.admin.get("/v3/service_credential_bindings", app_guids=app, service_instance_guids=instance)
        return found["resources"][0]

    async def until_asked(self, kind: str, condition: Callable[[dict[str, Any]], bool] = lambda _: True) -> None:
        """Wait until the broker was asked so."""
        deadline = time.monotonic() + 30
        while not any(condition(one) for one in self.peer.asked(kind)):
            assert time.monotonic() < deadline, f"{kind} was not asked"
            await asyncio.sleep(0.05)


async def register(admin: Api, url: str, **more: Any) -> tuple[str, str]:
    """Guid and name of a broker whose catalog was read."""
    name = tenants.name("broker")
    await admin.post("/v3/service_brokers", {"name": name, "url": url, "authentication": CREDENTIALS, **more})
    return (await admin.get("/v3/service_brokers", names=name))["resources"][0]["guid"], name


async def public_world(admin: Api, peer: BrokerProcess) -> World:
    """Registers the broker, with names that no other test has."""
    prefix = f"{tenants.name('p')}-"
    peer.reset(prefix)
    broker, name = await register(admin, peer.url)
    plans: dict[str, str] = {}
    for plan in (await admin.get("/v3/service_plans", service_broker_guids=broker))["resources"]:
        assert (plan["visibility_type"], plan["available"]) == ("admin", True)
        await admin.post(f"/v3/service_plans/{plan['guid']}/visibility", {"type": "public"})
        plans[plan["name"]] = plan["guid"]
    org = (await tenants.organization(admin))["guid"]
    return World(admin, peer, broker, name, prefix, org, (await tenants.space(admin, org))["guid"], plans)


async def bind_error(world: World, instance: str, status: int = 422) -> dict[str, Any]:
    """Why an app cannot be bound to the instance."""
    body = {"type": "app", "relationships": {"app": to(await world.app()), "service_instance": to(instance)}}
    return await world.admin.fail(status, "POST", "/v3/service_credential_bindings", body)
