"""What stands behind the routes."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from paas.services.osb.catalog import Catalog
from paas.services.osb.requests import BindRequest, ProvisionRequest, UpdateRequest


class Answer(NamedTuple):
    """Status and body of a success."""

    status: int
    body: dict[str, Any]


class Broker(Protocol):
    """Ids are the platform's. Every call may come twice. Refusals are raised as BrokerError."""

    catalog: Catalog

    async def provision(self, id: str, asked: ProvisionRequest, incomplete: bool) -> Answer:
        """201, 200 where it is there already, 202 while it is being made."""
        ...

    async def update(self, id: str, asked: UpdateRequest) -> Answer:
        """200 where nothing has to change."""
        ...

    async def deprovision(self, id: str, incomplete: bool) -> Answer:
        """200, 202 while it is being removed, 410 for what is gone."""
        ...

    async def instance(self, id: str) -> Answer:
        """The instance, once it is made."""
        ...

    async def last_operation(self, id: str, operation: str) -> Answer:
        """How far the operation is."""
        ...

    async def bind(self, instance: str, id: str, asked: BindRequest) -> Answer:
        """201 with credentials, 200 where they were made before."""
        ...

    async def unbind(self, instance: str, id: str) -> Answer:
        """200, 410 for what is gone."""
        ...

    async def binding(self, instance: str, id: str) -> Answer:
        """The binding with its credentials."""
        ...

    async def fit(self) -> str:
        """Empty where it can serve, else what is missing."""
        ...
