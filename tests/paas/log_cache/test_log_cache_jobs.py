"""The jobs uaa and log_cache with those they work with, started by their scripts with TLS and the bus's rights: a user reads an app's log."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from director.adapters.secrets.certificates import certificate
from director.adapters.secrets.options import Options
from tests.paas.services.component import SOURCES, eventually
from tests.paas.services.job_tree import JobTree
from tests.paas.uaa.uaa_process import new_key

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]

UAA = "https://uaa.sys.test"
WORD = "a word/with:signs+of 100%"
SCOPE = [
    "cloud_controller.admin",
    "cloud_controller.read",
    "cloud_controller.write",
    "openid",
    "scim.read",
    "scim.write",
]
WRITE = """
import asyncio, sys
from paas.bus.client import Bus, BusConfig
from paas.messages.log import LogLine, LogLines
async def main(app, ca):
    bus = await Bus.connect(BusConfig(servers=["tls://127.0.0.1:4222"], user="dea", password="dea-word", ca=ca), "dea")
    lines = LogLines(app=app, source="APP/PROC/WEB", lines=[LogLine(at=7, text="a line of the app")])
    await bus.publish(f"log.{app}", lines)
    await bus.close()
asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(scope="module")
async def tree(postgres_bin: Path) -> AsyncIterator[JobTree]:
    place = Path(tempfile.mkdtemp(prefix="logs-"))
    one = JobTree(place, postgres_bin)
    try:
        await _add_all(one)
        one.start()
        yield one
    finally:
        one.close()
        shutil.rmtree(place, ignore_errors=True)


async def _add_all(tree: JobTree) -> None:
    authority = certificate(Options("ca", {"is_ca": True, "common_name": "ca"}), None)
    made = certificate(Options("leaf", {"common_name": "here", "alternative_names": ["127.0.0.1"]}), authority)
    tls = {
        "tls.ca": authority["certificate"],
        "tls.certificate": made["certificate"],
        "tls.private_key": made["private_key"],
    }
    users = {name: {"password": f"{name}-word"} for name in ("dea", "cloud_controller", "log_cache")}
    await tree.add("nats", {"users": users, **tls})
    databases = ["uaa", "cloud_controller"]
    roles = [{"name": name, "password": f"{WORD} {name}"} for name in databases]
    owned = [{"name": name} for name in databases]
    await tree.add("postgres", {"roles": roles, "databases": owned, "shared_buffers": "16MB", **tls})
    clients = {
        "cf": {"grant_types": ["password", "refresh_token"], "scope": SCOPE},
        "cloud_controller_username_lookup": {
            "secret": WORD,
            "grant_types": ["client_credentials"],
            "authorities": ["scim.read"],
        },
    }
    administrator = {"name": "admin", "password": WORD, "groups": ["cloud_controller.admin", "scim.read", "scim.write"]}
    stranger = {"name": "stranger", "password": WORD}
    keys = {"jwt.keys": {"current": new_key()}, "clients": clients, "users": [administrator, stranger]}
    await tree.add("uaa", {"url": UAA, "lockout": {"failures": 3}, **keys, **tls})
    tree.link(
        "blobstore", {"port": 9443, "user": "u", "password": "p", "secret": "a-blobstore-secret", "tls": {"ca": ""}}
    )
    controller = {
        "system_domain": "sys.test",
        "app_domains": ["apps.test"],
        "encryption.keys": {"first": "a-generated-password"},
        "bulk_password": "bulk-word",
    }
    await tree.add("cloud_controller", {**controller, **tls})
    await tree.add("log_cache", {"bounds.lines": 10, **tls})


def _ask(tree: JobTree, port: int, path: str, token: str = "", body: Any = None, *more: str) -> tuple[int, Any]:
    """The status and the JSON."""
    if body is not None:
        more = ("-d", json.dumps(body), "-H", "Content-Type: application/json", *more)
    if token:
        more = ("-H", f"Authorization: bearer {token}", *more)
    said = tree.run("curl", "-sSk", "-w", "\n%{http_code}", *more, f"https://127.0.0.1:{port}{path}")
    text, _, status = said.rpartition("\n")
    return int(status), json.loads(text)


def _token(tree: JobTree, name: str) -> str:
    fields = ("grant_type=password", f"username={name}", f"password={WORD}")
    words = [word for one in fields for word in ("--data-urlencode", one)]
    status, got = _ask(tree, 8443, "/oauth/token", "", None, "-u", "cf:", *words)
    assert status == 200, got
    return got["access_token"]


def _make(tree: JobTree, token: str, path: str, body: Any) -> str:
    status, made = _ask(tree, 9022, path, token, body)
    assert status == 201, (made, tree.logs())
    return made["guid"]


async def test_a_user_reads_the_log_of_an_app_and_a_stranger_does_not(tree: JobTree) -> None:
    admin, stranger = _token(tree, "admin"), _token(tree, "stranger")
    org = _make(tree, admin, "/v3/organizations", {"name": "o"})
    within = {"relationships": {"organization": {"data": {"guid": org}}}}
    space = _make(tree, admin, "/v3/spaces", {"name": "s", **within})
    app = _make(tree, admin, "/v3/apps", {"name": "a", "relationships": {"space": {"data": {"guid": space}}}})
    ca = "/var/vcap/jobs/nats/config/ca.pem"
    tree.run("env", f"PYTHONPATH={SOURCES}", sys.executable, "-c", WRITE, app, ca)

    def batch() -> list[Any]:
        status, got = _ask(tree, 8445, f"/api/v1/read/{app}", admin)
        assert status == 200, (got, tree.logs())
        return got["envelopes"]["batch"]

    (line,) = eventually(batch, "the line")
    assert (line["timestamp"], line["tags"]["source_type"]) == ("7", "APP/PROC/WEB")
    status, refused = _ask(tree, 8445, f"/api/v1/read/{app}", stranger)
    assert (status, refused["code"]) == (404, 5)
    assert _ask(tree, 8445, "/api/v1/meta", admin)[1]["meta"].keys() == {app}
    assert _ask(tree, 8445, "/api/v1/meta", stranger)[1]["meta"] == {}


async def test_jobs_end_and_start_again(tree: JobTree) -> None:
    tree.stop()
    assert tree.processes() == []
    tree.start()
    _token(tree, "admin")
    assert _ask(tree, 8443, "/token_key")[1]["kid"] == "current"
    assert _ask(tree, 8445, "/api/v1/info")[0] == 200


async def test_no_secret_is_in_a_log_and_none_lies_open(tree: JobTree) -> None:
    logs = "".join(file.read_text(errors="replace") for file in tree.top.glob("vcap/sys/log/**/*") if file.is_file())
    assert '"event": "login"' in logs
    assert [word for word in (WORD, "-word", "eyJ", "PRIVATE KEY") if word in logs] == []
    assert [file for file in tree.top.glob("vcap/jobs/*/config/*") if file.stat().st_mode & 0o077] == []
