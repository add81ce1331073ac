"""Health checks as users give them."""

from __future__ import annotations

from typing import Any, Literal

from paas.cloud_controller.api.body import Body
from paas.cloud_controller.api.errors import unprocessable
from paas.cloud_controller.config import Limits


class CheckData(Body, frozen=True, kw_only=True):
    """Seconds; the endpoint is a path."""

    timeout: int | None = None
    invocation_timeout: int | None = None
    interval: int | None = None
    endpoint: str | None = None


class Check(Body, frozen=True, kw_only=True):
    """``health_check`` of a process."""

    type: Literal["port", "process", "http"] | None = None
    data: CheckData = CheckData()


def kept_check(old: dict[str, Any], new: Check, limits: Limits) -> dict[str, Any]:
    """What to write down after a change; 422 where it cannot be."""
    data = {**(old.get("data") or {})}
    for name in ("timeout", "invocation_timeout", "interval"):
        value = getattr(new.data, name)
        if value is not None:
            if value < 1:
                raise unprocessable(f"health_check.data.{name} must be greater than or equal to 1")
            data[name] = value
    if (data.get("timeout") or 0) > limits.health_check_timeout:
        raise unprocessable(f"health_check.data.timeout must be at most {limits.health_check_timeout} seconds")
    kind = new.type or old.get("type") or "port"
    if new.data.endpoint is not None:
        if kind != "http":
            raise unprocessable("health_check.data.endpoint is only for checks of type http")
        if not new.data.endpoint.startswith("/"):
            raise unprocessable("health_check.data.endpoint must be a path that begins with '/'")
        data["endpoint"] = new.data.endpoint
    if kind != "http":
        data.pop("endpoint", None)
    return {"type": kind, "data": data}
