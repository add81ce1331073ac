"""Where the bus is: ``mbus`` names one server, or several of a cluster with commas between them."""

from __future__ import annotations


def bus_urls(mbus: str) -> tuple[str, ...]:
    """``nats://10.0.0.5:4222,nats://10.0.0.6:4222`` as one URL each, for a client that tries them all."""
    return tuple(one.strip() for one in mbus.split(",") if one.strip())
