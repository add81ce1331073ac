"""Router, route registrar and health manager as the release has them: rendered, started by their scripts with TLS and the bus's rights."""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from director.adapters.secrets.certificates import certificate
from director.adapters.secrets.options import Options
from tests.paas.services.job_tree import JobTree
from tests.programs import need

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]

PATIENCE = 60


def tls(authority: dict[str, str], name: str) -> dict[str, str]:
    made = certificate(Options("leaf", {"common_name": name, "alternative_names": ["127.0.0.1", name]}), authority)
    return {"certificate": made["certificate"], "private_key": made["private_key"]}


@pytest.fixture(scope="module")
async def tree(tmp_path_factory: pytest.TempPathFactory, postgres_bin: Path) -> AsyncIterator[JobTree]:
    need("nginx", "nats-server", "curl")
    one = JobTree(tmp_path_factory.mktemp("jobs"), postgres_bin)
    try:
        bin_ = one.top / "vcap/packages/nginx/bin"
        bin_.mkdir(parents=True)
        (bin_ / "nginx").symlink_to("/usr/sbin/nginx")
        (bin_.parent / "usr").symlink_to("/usr")
        await add_all(one)
        one.start()
        yield one
    finally:
        one.close()


async def add_all(tree: JobTree) -> None:
    authority = certificate(Options("ca", {"is_ca": True, "common_name": "ca"}), None)
    users = {name: {"password": f"{name}-word"} for name in ("router", "route_registrar", "health_manager")}
    server = tls(authority, "bus")
    (tree.top / "vcap/ca.pem").write_text(authority["certificate"])
    await tree.add(
        "nats",
        {
            "users": users,
            "tls.ca": authority["certificate"],
            "tls.certificate": server["certificate"],
            "tls.private_key": server["private_key"],
        },
    )
    edge, more = tls(authority, "*.sys.test"), tls(authority, "*.apps.test")
    await tree.add(
        "router",
        {
            "tls.certificate": edge["certificate"],
            "tls.private_key": edge["private_key"],
            "tls.more": [more],
            "status.password": "status-word",
            "register_interval": 1,
            "drain_wait": 1,
            "workers": 1,
            "connections": 512,
        },
    )
    # what it registers: the health check of the router itself
    route = {
        "name": "health",
        "uris": ["health.sys.test"],
        "port": 8082,
        "health": {"url": "http://127.0.0.1:8082/health", "every": 0.5},
    }
    await tree.add("route_registrar", {"routes": [route], "drain_wait": 1})
    facts = {"name": "cc", "index": 0, "id": "cc-0", "az": "z1", "address": "127.0.0.1", "ip": "127.0.0.1"}
    tree._links["cloud_controller"] = {
        "instances": [facts],
        "properties": {"port": 9022, "tls": {"ca": authority["certificate"]}},
    }
    await tree.add("health_manager", {"timings": {"lost": 12, "silence": 6}})


def until(tree: JobTree, wanted: str, *command: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while (said := tree.run(*command, check=False)) != wanted:
        assert time.monotonic() < deadline, f"{command}: {said!r}, not {wanted!r}\n{tree.logs()}"
        time.sleep(0.2)


def test_requests_come_through_by_both_ports_and_the_registrar_takes_its_route_off(tree: JobTree) -> None:
    curl = ("curl", "-sS", "--cacert", "/var/vcap/ca.pem", "--resolve", "health.sys.test:443:127.0.0.1")
    at_80 = ("curl", "-sS", "-H", "host: health.sys.test", "http://127.0.0.1/health")
    until(tree, "ok", *at_80)
    assert tree.run(*curl, "https://health.sys.test/health") == "ok"
    assert tree.run(*curl, "-o", "/dev/null", "-w", "%{http_version}", "https://health.sys.test/health") == "2"
    # the second certificate
    answer = tree.run(
        *("curl", "-sS", "--cacert", "/var/vcap/ca.pem", "--resolve", "x.apps.test:443:127.0.0.1"),
        *("-o", "/dev/null", "-w", "%{http_code}", "https://x.apps.test/"),
    )
    assert answer == "404"
    routes = json.loads(tree.run("curl", "-sS", "-u", "router-status:status-word", "http://127.0.0.1:8082/routes"))
    assert [one["address"] for one in routes["health.sys.test"]] == ["127.0.0.1:8082"]
    assert "GET /health" in (tree.top / "vcap/sys/log/router/access.log").read_text() or _appears(tree)
    assert tree.run("curl", "-sS", "http://127.0.0.1:8444/healthz") == "ok"
    assert "violation" not in tree.logs().lower()
    # nginx works as vcap, and nobody else may ask the locator
    assert any("worker process" in line for line in tree.processes())
    assert (tree.top / "vcap/data/router").stat().st_mode & 0o777 == 0o750

    assert tree.script("route_registrar", "drain").splitlines()[-1] == "0"
    until(
        tree,
        "404",
        "curl",
        "-sS",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "-H",
        "host: health.sys.test",
        "http://127.0.0.1/",
    )
    tree.script("route_registrar", "ctl", "start")
    until(tree, "ok", *at_80)


def _appears(tree: JobTree) -> bool:
    """nginx writes its log once a second."""
    deadline = time.monotonic() + PATIENCE
    while "GET /health" not in (tree.top / "vcap/sys/log/router/access.log").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return True


def test_a_drained_router_ends_and_can_be_started_again(tree: JobTree) -> None:
    health = ("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:8082/health")
    until(tree, "200", *health)
    assert tree.script("router", "drain") == "0"
    assert not any("nginx" in line for line in tree.processes())
    tree.script("router", "ctl", "stop")
    tree.script("router", "ctl", "start")
    tree.script("router", "post-start")
    assert tree.run(*health) == "200"
