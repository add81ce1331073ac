"""Requests whose arguments make no sense: the argument is named, nothing changed."""

from __future__ import annotations

import json

import pytest

from tests.contract.bad_input.desk import MANIFEST, BadInput, error_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = "application/json"
CASES = {
    "canaries": ("POST", "/deployments", MANIFEST, "text/yaml", {"canaries": "some"}, ["canaries"]),
    "max_in_flight": ("POST", "/deployments", MANIFEST, "text/yaml", {"max_in_flight": "50%%"}, ["max_in_flight"]),
    "context": ("POST", "/deployments", MANIFEST, "text/yaml", {"context": "{"}, ["context"]),
    "config id": ("POST", "/deployments", MANIFEST, "text/yaml", {"context": '{"cloud_config_ids":[99]}'}, ["99"]),
    "created before": (
        "POST",
        "/deployments",
        MANIFEST,
        "text/yaml",
        {"recreate": "true", "recreate_vms_created_before": "soon"},
        ["recreate_vms_created_before"],
    ),
    "state": ("PUT", "/deployments/shop/jobs/web", "", "text/yaml", {"state": "sleepy"}, ["sleepy", "started"]),
    "group": ("PUT", "/deployments/shop/jobs/wob", "", "text/yaml", {"state": "stopped"}, ["wob"]),
    "index": ("PUT", "/deployments/shop/jobs/web/9", "", "text/yaml", {"state": "stopped"}, ["9"]),
    "deployment": ("DELETE", "/deployments/shup", "", "", {}, ["shup"]),
    "limit": ("GET", "/tasks", "", "", {"limit": "few"}, ["limit", "few"]),
    "task": ("GET", "/tasks/999", "", "", {}, ["999"]),
    "output type": ("GET", "/tasks/1/output", "", "", {"type": "poem"}, ["poem", "event"]),
    "event time": ("GET", "/events", "", "", {"before_time": "then"}, ["then"]),
    "config without type": ("POST", "/configs", json.dumps({"name": "a", "content": "{}"}), JSON, {}, ["type"]),
    "config not json": ("POST", "/configs", "{", JSON, {}, ["JSON"]),
    "ssh command": (
        "POST",
        "/deployments/shop/ssh",
        json.dumps({"command": "dance", "target": {}, "params": {}}),
        JSON,
        {},
        ["dance", "setup"],
    ),
    "logs of nobody": ("GET", "/deployments/shop/jobs/wob/0/logs", "", "", {}, ["wob"]),
    "stemcell": ("DELETE", "/stemcells/none/1", "", "", {}, ["none/1"]),
    "upload needs": ("POST", "/stemcell_uploads", "{}", JSON, {}, ["name", "version"]),
    "remote location": ("POST", "/releases", json.dumps({"location": "ftp://x"}), JSON, {}, ["location"]),
    "cancel states": ("POST", "/tasks/cancel", json.dumps({"states": ["done"]}), JSON, {}, ["done"]),
}


@pytest.mark.parametrize("name", CASES)
async def test_the_argument_is_named(desk: BadInput, name: str) -> None:
    method, path, body, kind, query, named = CASES[name]
    before = await desk.picture()
    reply = await desk.send(method, path, body, kind, **query)
    error = await desk.deploy(body, **query) if reply.status_code == 302 and method == "POST" else error_of(reply)
    for word in named:
        assert word in error, error
    assert await desk.picture() == before
