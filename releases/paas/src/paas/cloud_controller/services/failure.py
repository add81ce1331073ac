"""Faults of brokers as errors of the API."""

from __future__ import annotations

from paas.cloud_controller.api.errors import ApiError
from paas.cloud_controller.broker.errors import BrokerError


def api_error(error: BrokerError) -> ApiError:
    """With the fault's own title."""
    return ApiError(error.http_status, error.code, error.title, str(error))


def unable(operation: str, why: str) -> ApiError:
    """What went wrong in the background: "bind could not be completed: ..."."""
    return ApiError(422, 10009, "CF-UnableToPerform", f"{operation} could not be completed: {why}")
