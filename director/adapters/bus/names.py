"""Names on the bus: subjects, common names, and users as nats-server's ``verify_and_map`` prints them (agent protocol §1)."""

from __future__ import annotations

from typing import Any

DIRECTOR = "default.director.bosh-internal"
MONITOR = "default.hm.bosh-internal"
SERVER = "default.nats.bosh-internal"


def agent_name(agent_id: str, *, bootstrap: bool) -> str:
    """Common name of an agent's certificate."""
    return f"{agent_id}.bootstrap.agent.bosh-internal" if bootstrap else f"{agent_id}.agent.bosh-internal"


def user(common_name: str) -> str:
    """The user that a certificate with this common name is mapped to."""
    return f"C=USA, O=Cloud Foundry, CN={common_name}"


def director_user() -> dict[str, Any]:
    return {
        "user": user(DIRECTOR),
        "permissions": {"publish": ["agent.*", "hm.director.alert"], "subscribe": ["director.>"]},
    }


def monitor_user() -> dict[str, Any]:
    heard = ["hm.agent.heartbeat.*", "hm.agent.alert.*", "hm.agent.shutdown.*", "hm.director.alert"]
    return {"user": user(MONITOR), "permissions": {"publish": [], "subscribe": heard}}


def agent_users(agent_id: str) -> list[dict[str, Any]]:
    """Bootstrap and permanent user of an agent; both may do the same."""
    told = [f"hm.agent.{kind}.{agent_id}" for kind in ("heartbeat", "alert", "shutdown")]
    permissions = {"publish": [*told, f"director.*.{agent_id}.*"], "subscribe": [f"agent.{agent_id}"]}
    return [{"user": user(agent_name(agent_id, bootstrap=one)), "permissions": permissions} for one in (True, False)]
