"""The jobs of the services as the release has them: rendered, started by their scripts with TLS and the bus's rights, used, stopped."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from director.adapters.secrets.certificates import certificate
from director.adapters.secrets.options import Options
from tests.paas.services.component import eventually
from tests.paas.services.job_tree import JobTree

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]

SEAL = "a-generated-password-for-sealing"
USERS = ["postgres_gateway", "postgres_node", "redis_gateway", "redis_node"]
DATABASES = ["postgres_gateway", "redis_gateway", "service_broker"]


def tls(authority: dict[str, str]) -> dict[str, str]:
    options = Options("leaf", {"common_name": "here", "alternative_names": ["127.0.0.1"]})
    made = certificate(options, authority)
    return {
        "tls.ca": authority["certificate"],
        "tls.certificate": made["certificate"],
        "tls.private_key": made["private_key"],
    }


@pytest.fixture(scope="module")
async def tree(place: Path, postgres_bin: Path) -> AsyncIterator[JobTree]:
    one = JobTree(place, postgres_bin)
    try:
        await add_all(one)
        one.start()
        yield one
    finally:
        one.close()


async def add_all(tree: JobTree) -> None:
    authority = certificate(Options("ca", {"is_ca": True, "common_name": "ca"}), None)
    await tree.add("nats", {"users": {name: {"password": f"{name}-word"} for name in USERS}, **tls(authority)})
    roles = [{"name": name, "password": f"it's {name}"} for name in DATABASES]
    owned = [{"name": name} for name in DATABASES]
    await tree.add("postgres", {"roles": roles, "databases": owned, "shared_buffers": "16MB", **tls(authority)})
    node = {"secrets": [SEAL], "capacity": 600, **tls(authority)}
    await tree.add("postgres_node", node)
    await tree.add("redis_node", node)
    for service in ("postgres", "redis"):
        broker = {"password": "broker-word", "secrets": [SEAL], **tls(authority)}
        del broker["tls.ca"]
        await tree.add(f"{service}_gateway", broker)
    services = [
        {
            "name": "weather",
            "description": "The weather",
            "plans": [{"name": "shared", "credentials": {"uri": "https://w"}}],
        }
    ]
    await tree.add("service_broker", {"password": "broker-word", "services": services})


def ask(tree: JobTree, method: str, url: str, body: Any = None) -> dict[str, Any]:
    more = ["-d", json.dumps(body)] if body is not None else []
    said = tree.run(
        *("curl", "-sSk", "-u", "broker:broker-word", "-H", "X-Broker-API-Version: 2.17", "-X", method, *more, url)
    )
    return json.loads(said)


def credentials(tree: JobTree, port: int) -> dict[str, Any]:
    """Of a new binding of a new instance of plan ``small``."""
    base = f"https://127.0.0.1:{port}/v2"
    offering = ask(tree, "GET", f"{base}/catalog")["services"][0]
    ids = {"service_id": offering["id"], "plan_id": offering["plans"][0]["id"]}
    instance = f"{base}/service_instances/one"
    ask(tree, "PUT", f"{instance}?accepts_incomplete=true", {**ids, "organization_guid": "o", "space_guid": "s"})
    operation = eventually(
        lambda: now if (now := ask(tree, "GET", f"{instance}/last_operation"))["state"] != "in progress" else None,
        "the instance",
    )
    assert operation["state"] == "succeeded", (operation, tree.logs())
    return ask(tree, "PUT", f"{instance}/service_bindings/b", ids)["credentials"]


async def test_the_services_work_as_jobs_and_come_back_with_their_data(tree: JobTree) -> None:
    database = credentials(tree, 8501)
    assert "sslmode=require" in database["uri"]
    assert "BEGIN CERTIFICATE" in database["ca"]
    psql = ["/var/vcap/packages/postgres/bin/psql", "-XAtc"]
    tree.run(*psql, "CREATE TABLE t AS SELECT 7 AS n", database["uri"])
    redis = credentials(tree, 8502)
    cli = ["redis-cli", "-u", redis["uri"].replace("rediss", "redis"), "--tls", "--insecure", "--no-auth-warning"]
    assert tree.run(*cli, "SET", "k", "v") == "OK"

    tree.stop()
    assert tree.processes() == []
    tree.start()
    assert tree.run(*psql, "SELECT n FROM t", database["uri"]) == "7"
    assert tree.run(*cli, "GET", "k") == "v"


async def test_components_own_databases_are_closed_to_one_another(tree: JobTree) -> None:
    psql = ["/var/vcap/packages/postgres/bin/psql", "-XAtc", "SELECT 1"]
    own = "host=127.0.0.1 dbname={} user=redis_gateway password='it\\'s redis_gateway' sslmode={}"
    assert tree.run(*psql, own.format("redis_gateway", "require")) == "1"
    assert "permission denied" in tree.run(*psql, own.format("postgres_gateway", "require"), check=False)
    assert "no encryption" in tree.run(*psql, own.format("redis_gateway", "disable"), check=False)
    # and a second start of the same finds all made
    tree.script("postgres", "pre-start")
    tree.script("postgres", "post-start")


async def test_external_services_are_offered(tree: JobTree) -> None:
    offered = ask(tree, "GET", "http://127.0.0.1:8503/v2/catalog")
    assert [one["name"] for one in offered["services"]] == ["weather"]


async def test_no_secret_is_in_a_log(tree: JobTree) -> None:
    logs = "".join(file.read_text(errors="replace") for file in tree.top.glob("vcap/sys/log/**/*") if file.is_file())
    assert "instance_created" in logs
    for secret in (SEAL, "broker-word", "it's ", "-word"):
        assert secret not in logs
    kept = [file for file in tree.top.glob("vcap/jobs/*/config/*") if file.stat().st_mode & 0o077]
    assert kept == []
