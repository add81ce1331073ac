"""All nouns of the API: the one place that knows every room of this component."""

from __future__ import annotations

from paas.cloud_controller.api.call import Endpoint
from paas.cloud_controller.jobs import endpoints as jobs
from paas.cloud_controller.jobs.job import Work
from paas.cloud_controller.root import endpoints as root

ENDPOINTS: list[Endpoint] = [
    *root.ENDPOINTS,
    *jobs.ENDPOINTS,
]

WORKS: dict[str, Work] = {}
"""Operation -> the work of its jobs."""
