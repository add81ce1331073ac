"""A job under way, and how its work ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from paas.cloud_controller.platform import Platform


@dataclass(frozen=True)
class Job:
    """What was taken up. `attempt` is 1 the first time, and more after a worker died or the work was to be tried again."""

    guid: str
    operation: str
    resource_guid: str
    payload: dict[str, Any]
    sealed: str
    user_guid: str
    attempt: int


@dataclass(frozen=True)
class Done:
    """It is done."""

    warnings: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Again:
    """Nothing is wrong and it is not done: go on in so many seconds, with this payload. The API shows ``POLLING``."""

    seconds: float
    payload: dict[str, Any] | None = None


Outcome = Done | Again
Work = Callable[[Platform, Job], Awaitable[Outcome]]
"""Idempotent: a job whose worker died is begun again. Fails by raising ApiError."""
