"""Configuration of the acceptance errand."""

from __future__ import annotations

import msgspec


class External(msgspec.Struct, frozen=True, kw_only=True):
    """A service of somebody else's that `service_broker` offers: its name, a plan, and a key that its credentials have."""

    service: str = ""
    plan: str = ""
    credential: str = ""


class AcceptanceConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where the platform is and who tries it. `router`: address at which all host names are reached; `forbidden`: HOST:PORT that no app may reach."""

    api: str
    router: str
    apps_domain: str
    user: str
    password: str
    apps: str
    client: list[str]
    ca: str = ""
    router_port: int = 80
    forbidden: list[str] = []
    external: External = External()
    only: list[str] = []
    smoke: bool = False
