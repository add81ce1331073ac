"""The configuration of one node of the blobstore."""

from __future__ import annotations

import msgspec

from paas.serve.http import Listen


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """`root`: where blobs are kept; `run`: for the pid file; `peers`: addresses of the other nodes; `most_bytes` of one blob (0: any)."""

    listen: Listen
    root: str
    run: str
    log: str
    user: str
    password: str
    secret: str
    most_bytes: int = 0
    nginx: str = "nginx"
    peers: list[str] = []
    ca: str = ""
    peer_name: str = ""
    """Name in the certificates of the peers, where it is not that of their addresses."""
    sync_seconds: float = 20
    """Between two looks for what peers have and this node lacks."""
