"""What the broker of external services is told."""

from __future__ import annotations

import msgspec

from paas.database.config import DatabaseConfig
from paas.serve.http import Listen
from paas.services.osb.api import Credentials
from paas.services.osb.catalog import Offering


class ExternalConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`services`: each plan has the `credentials` that apps get."""

    services: list[Offering]
    listen: Listen
    credentials: Credentials
    database: DatabaseConfig
