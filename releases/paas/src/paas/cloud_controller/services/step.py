"""One step of an operation at a broker: asked, polled, done or not yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog

from paas.cloud_controller.broker.client import Polled
from paas.cloud_controller.broker.errors import BrokerError
from paas.cloud_controller.jobs.job import Again, Done, Outcome
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.services.operation import seconds

log = structlog.get_logger("services")


@dataclass(frozen=True)
class Step:
    """`done`, or to be gone on with in `after` seconds."""

    done: bool
    after: float = 0

    def outcome(self) -> Outcome:
        """For a job that has nothing else to do."""
        return Done() if self.done else Again(self.after)


DONE = Step(True)


def later(platform: Platform, polled: Polled | None = None) -> Step:
    """Ask again: when the broker says, or when the platform's configuration does."""
    wanted = polled.retry_after if polled is not None else None
    return Step(False, wanted if wanted else platform.config.broker_poll)


def overdue(platform: Platform, operation: dict[str, Any], longest: float | None) -> bool:
    """Whether an operation goes on for longer than its plan or the platform allows."""
    most = platform.config.broker_poll_hours * 3600
    return seconds(operation) > (min(most, longest) if longest else most)


def unanswered(error: BrokerError) -> None:
    """A poll that failed says nothing of the operation: it is asked again."""
    log.info("broker_poll", broker=error.asked.broker, url=error.asked.url, status=error.status, error=error.title)
