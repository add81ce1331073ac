"""What a Redis node is told."""

from __future__ import annotations

from paas.services.node.config import NodeConfig

FIRST_PORT, LAST_PORT = 6400, 6999


class RedisConfig(NodeConfig, frozen=True, kw_only=True):
    """`server`: the program. Instances listen on `bind`, with ports from `first_port` to `last_port`.

    `user`: who runs the servers, where the node is root. `log_directory`: one log per instance.
    With `certificate`, `key` and `ca` (of `NodeConfig`) the instances speak TLS, and nothing else.
    """

    server: str = "redis-server"
    bind: str = "0.0.0.0"  # noqa: S104 apps come from the DEAs' addresses
    first_port: int = FIRST_PORT
    last_port: int = LAST_PORT
    user: str = ""
    log_directory: str = ""
    certificate: str = ""
    key: str = ""
