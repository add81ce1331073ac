"""What a PostgreSQL node is told."""

from __future__ import annotations

from paas.services.node.config import NodeConfig

PORT = 5433


class PostgresConfig(NodeConfig, frozen=True, kw_only=True):
    """`bin`: the folder of the engine's programs, empty for the PATH's. The engine listens on `bind` and `port`.

    `user`: who runs it, where the node is root. `log_directory`: of its log, or none: beside the data.
    `quota_seconds`: how often sizes are looked at. With `certificate` and `key` apps must speak TLS.
    """

    bin: str = ""
    bind: str = "0.0.0.0"  # noqa: S104 apps come from the DEAs' addresses
    port: int = PORT
    user: str = ""
    log_directory: str = ""
    max_connections: int = 200
    shared_buffers: str = "64MB"
    quota_seconds: float = 15
    certificate: str = ""
    key: str = ""
