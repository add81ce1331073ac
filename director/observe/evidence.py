"""The second path: what the agent and the cloud say of a VM whose heartbeats have stopped."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct


class CloudSays(Enum):
    """``THERE``: it exists, more is not known; ``UNKNOWN``: the cloud did not answer."""

    GONE = "gone"
    OFF = "off"
    THERE = "there"
    RUNNING = "running"
    UNKNOWN = "unknown"


class Evidence(Struct, frozen=True):
    """``answers``: the agent answers when it is asked."""

    answers: bool
    cloud: CloudSays = CloudSays.UNKNOWN


class Verdict(Enum):
    """Of a silent instance."""

    DEAD = "dead"
    ALIVE = "alive"
    DOUBTFUL = "doubtful"


def judge(evidence: Evidence, silent: float, longest: float) -> tuple[Verdict, str]:
    """Dead is what neither the agent nor the cloud knows to be alive; a VM that its cloud has, after ``longest`` seconds of silence (0: never)."""
    if evidence.answers:
        return Verdict.ALIVE, "the agent answers"
    match evidence.cloud:
        case CloudSays.GONE:
            return Verdict.DEAD, "the agent does not answer and the cloud has no such VM"
        case CloudSays.OFF:
            return Verdict.DEAD, "the agent does not answer and the cloud says that the VM is off"
        case CloudSays.UNKNOWN:
            return Verdict.DOUBTFUL, "the agent does not answer, and the cloud cannot be asked"
        case CloudSays.THERE | CloudSays.RUNNING:
            there = "the VM runs" if evidence.cloud is CloudSays.RUNNING else "the VM exists"
            if longest and silent >= longest:
                return Verdict.DEAD, f"the agent is silent for {silent:.0f} s, though {there}"
            return Verdict.DOUBTFUL, f"the agent does not answer, but the cloud says that {there}"
