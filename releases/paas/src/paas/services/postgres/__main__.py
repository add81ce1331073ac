"""``python3 -m paas.services.postgres --config FILE``: a PostgreSQL node."""

from __future__ import annotations

import sys

from paas.services.node.process import run_node
from paas.services.postgres.config import PostgresConfig
from paas.services.postgres.service import PostgresService

if __name__ == "__main__":
    sys.exit(run_node("postgres", PostgresConfig, PostgresService))
