"""``VCAP_SERVICES``: what an app is told of the services that it is bound to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

USER_PROVIDED = "user-provided"


@dataclass(frozen=True)
class BoundService:
    """One binding of an app, opened. `label` and `plan` are empty for what a user provided."""

    instance_guid: str
    instance_name: str
    binding_guid: str
    binding_name: str | None
    credentials: dict[str, Any]
    label: str = ""
    plan: str = ""
    tags: list[str] = field(default_factory=list[str])
    syslog_drain_url: str | None = None
    volume_mounts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def entry(self) -> dict[str, Any]:
        """One entry of the list under its label."""
        found: dict[str, Any] = {
            "label": self.label or USER_PROVIDED,
            "name": self.binding_name or self.instance_name,
            "tags": self.tags,
            "instance_guid": self.instance_guid,
            "instance_name": self.instance_name,
            "binding_guid": self.binding_guid,
            "binding_name": self.binding_name,
            "credentials": self.credentials,
            "syslog_drain_url": self.syslog_drain_url,
            "volume_mounts": self.volume_mounts,
        }
        if self.label:
            found |= {"plan": self.plan, "provider": None}
        return found


def vcap_services(bound: list[BoundService]) -> dict[str, list[dict[str, Any]]]:
    """Label -> entries, in the order given."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in bound:
        found.setdefault(one.label or USER_PROVIDED, []).append(one.entry())
    return found
