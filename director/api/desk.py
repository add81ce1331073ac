"""What the routes work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from director.engine.tasks import Runner
from director.model.deployment import Document
from director.model.rows import Task
from director.service.house import House


@dataclass(frozen=True)
class User:
    """A user of director.yml; scopes as the contract's (default ``bosh.admin``)."""

    name: str
    password: str
    scopes: tuple[str, ...] = ("bosh.admin",)


@dataclass(frozen=True)
class Desk:
    """The house, its task runner, the users, and what ``GET /info`` says besides. ``certificates`` are the director's own, as PEM files;
    ``health`` is what the health monitor tells of itself, ``limits`` what was learned of the clouds' limits (`LimitedClouds.state`)."""

    house: House
    runner: Runner
    users: tuple[User, ...]
    version: str = "0.1.0"
    cpi: str = ""
    certificates: tuple[Path, ...] = ()
    health: Callable[[], Document] = dict[str, object]
    limits: Callable[[], list[Document]] = list
    gateway: Document = field(default_factory=dict[str, object])
    authentication: Document = field(default_factory=lambda: {"type": "basic", "options": {}})

    async def task(
        self,
        type: str,
        description: str,
        request: Document,
        *,
        deployment: str | None = None,
        user: str,
        context_id: str = "",
    ) -> Task:
        """A new task in the name of a user."""
        return await self.runner.create(
            type, description, request=request, deployment=deployment, user=user, context_id=context_id
        )
