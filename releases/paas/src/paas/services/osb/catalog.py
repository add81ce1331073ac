"""What a broker offers: services with their plans, as operators write them and as platforms read them."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from paas.serve.config import ConfigError

IDS = uuid.UUID("5b0e6a5c-3f0c-4c52-9a39-6b6a1f8f7d11")
"""Ids that an operator does not give follow from the names: the same name is the same service on every gateway."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`size`: MB that an instance takes of its node; `limits`: others that the service knows, by name."""

    name: str
    description: str = ""
    id: str = ""
    size: int = 0
    limits: dict[str, int] = {}
    free: bool = True
    metadata: dict[str, Any] = {}
    credentials: dict[str, Any] = {}
    """What apps get that are bound to an external service."""


class Offering(msgspec.Struct, frozen=True, kw_only=True):
    """A service of the catalog."""

    name: str
    description: str
    plans: list[Plan]
    id: str = ""
    tags: list[str] = []
    metadata: dict[str, Any] = {}
    syslog_drain: bool = False


class Catalog:
    """Offerings by the ids that platforms send."""

    def __init__(self, offerings: list[Offering]) -> None:
        self.offerings: dict[str, Offering] = {}
        self.plans: dict[tuple[str, str], Plan] = {}
        for offering in offerings:
            id = offering.id or str(uuid.uuid5(IDS, offering.name))
            if id in self.offerings:
                raise ConfigError(f"services: two have the name or id of '{offering.name}'")
            if not offering.plans:
                raise ConfigError(f"services: '{offering.name}' has no plan")
            self.offerings[id] = offering
            for plan in offering.plans:
                key = (id, plan.id or str(uuid.uuid5(IDS, f"{offering.name}/{plan.name}")))
                if key in self.plans:
                    raise ConfigError(f"services: '{offering.name}' has two plans with the name or id of '{plan.name}'")
                self.plans[key] = plan

    def find(self, service_id: str, plan_id: str) -> Plan | None:
        """The plan of these ids."""
        return self.plans.get((service_id, plan_id))

    def document(self) -> dict[str, Any]:
        """The answer to ``GET /v2/catalog``."""
        return {"services": [self._offering(id, offering) for id, offering in self.offerings.items()]}

    def _offering(self, id: str, offering: Offering) -> dict[str, Any]:
        plans = [
            {
                "id": plan_id,
                "name": plan.name,
                "description": plan.description or plan.name,
                "free": plan.free,
                **({"metadata": plan.metadata} if plan.metadata else {}),
            }
            for (service_id, plan_id), plan in self.plans.items()
            if service_id == id
        ]
        return {
            "id": id,
            "name": offering.name,
            "description": offering.description,
            "tags": offering.tags,
            "requires": ["syslog_drain"] if offering.syslog_drain else [],
            "bindable": True,
            "instances_retrievable": True,
            "bindings_retrievable": True,
            "plan_updateable": False,
            "allow_context_updates": False,
            **({"metadata": offering.metadata} if offering.metadata else {}),
            "plans": plans,
        }
