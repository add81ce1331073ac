"""``router.*``: who serves which addresses. Source: the router of 2013 and today's gorouter; unknown fields are ignored."""

from __future__ import annotations

import msgspec


class RouterStart(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename={"interval": "minimumRegisterIntervalInSeconds", "prune": "pruneThresholdInSeconds"},
):
    """``router.start``, and the answer to ``router.greet``: register now, and every `interval` seconds."""

    id: str
    hosts: list[str] = []
    interval: int = 20
    prune: int = 120


class Register(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``router.register`` and ``router.unregister``: an endpoint of `uris`."""

    host: str
    port: int = 0
    uris: list[str]
    app: str = ""
    dea: str = ""
    tags: dict[str, str] = {}
    private_instance_id: str = ""
    private_instance_index: str = ""
    tls_port: int = 0
    server_cert_domain_san: str = ""
    protocol: str = "http1"
    stale_threshold_in_seconds: int = 0
