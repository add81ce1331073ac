"""What platforms send. Fields that are not known are ignored, as the API demands."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec


class ProvisionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """``PUT /v2/service_instances/ID``."""

    service_id: str
    plan_id: str
    organization_guid: str = ""
    space_guid: str = ""
    parameters: dict[str, Any] | None = None
    context: dict[str, Any] | None = None

    def digest(self) -> str:
        """Two requests of one digest ask for the same."""
        return _digest([self.service_id, self.plan_id, self.organization_guid, self.space_guid, self.parameters or {}])


class UpdateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """``PATCH /v2/service_instances/ID``."""

    service_id: str
    plan_id: str = ""
    parameters: dict[str, Any] | None = None


class BindResource(msgspec.Struct, frozen=True, kw_only=True):
    """What the binding is for."""

    app_guid: str = ""
    route: str = ""


class BindRequest(msgspec.Struct, frozen=True, kw_only=True):
    """``PUT .../service_bindings/ID``."""

    service_id: str
    plan_id: str
    app_guid: str = ""
    bind_resource: BindResource = BindResource()
    parameters: dict[str, Any] | None = None

    def digest(self) -> str:
        """Two requests of one digest ask for the same."""
        app = self.bind_resource.app_guid or self.app_guid
        return _digest([self.service_id, self.plan_id, app, self.bind_resource.route, self.parameters or {}])


def _digest(facts: list[Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(facts, order="sorted")).hexdigest()
