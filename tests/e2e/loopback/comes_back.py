"""A VM that dies behind everybody's back is made anew by the director itself: real processes, a real bus, a one-shot CPI."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.e2e.loopback.api import Api
from tests.e2e.loopback.shop import manifest
from tests.e2e.loopback.world import World


def until(what: str, done: Callable[[], Any], seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.2)


def cids(api: Api, name: str) -> list[str]:
    rows = sorted(api.get(f"/deployments/{name}/instances"), key=lambda one: one["index"])
    return [one["cid"] for one in rows if one["job"] == "front"]


def mended(api: Api, name: str) -> list[dict[str, Any]]:
    tasks = api.get("/tasks", deployment=name, verbose="2")
    return [one for one in tasks if (one["description"], one["user"]) == ("scan and fix", "hm")]


def told(api: Api, name: str) -> list[str]:
    return [one["context"]["message"] for one in api.get("/events", object_type="alert", deployment=name)]


def comes_back(watched: World, api: Api, loss: str) -> None:
    """`loss`: what befalls a VM, as the dummy cloud names it."""
    name = loss.replace("_", "-")
    api.deploy(manifest(name, instances=2))
    before = cids(api, name)
    until(
        "the living are suspected and found alive", lambda: any("the agent answers" in one for one in told(api, name))
    )
    assert mended(api, name) == []
    getattr(watched.cloud, loss)(before[0])
    until("the VM is made anew", lambda: cids(api, name)[0] not in (before[0], None))
    until("its task ends", lambda: mended(api, name) and mended(api, name)[0]["state"] not in ("queued", "processing"))
    assert [one["state"] for one in mended(api, name)] == ["done"], mended(api, name)
    assert cids(api, name)[1] == before[1]
    assert set(cids(api, name)) <= {row["cid"] for row in watched.cloud.rows("vms")}
    assert any(one.startswith("Scan unresponsive VMs") for one in told(api, name))
    if loss == "kill_agent":
        assert any(one.startswith("Agent and cloud disagree") for one in told(api, name))
    health = api.get("/health")
    (row,) = [one for one in health["deployments"] if one["name"] == name]
    assert (health["looking"], row["instances"], row["repairs_last_hour"]) == (True, 2, 1)
    api.delete_deployment(name)
    assert watched.cloud.rows("vms") == [], "nothing is left of the VM that was replaced"
