"""The jobs of staging as the release has them: rendered, started by their scripts with TLS and the bus's rights, stopped."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from paas.stager.config import Config

from director.adapters.secrets.certificates import certificate
from director.adapters.secrets.options import Options
from lab.blobs.package_cache import deliver
from tests.paas.services.component import eventually
from tests.paas.services.job_tree import JobTree
from tests.programs import need

pytestmark = [pytest.mark.lab, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]


@pytest.fixture(scope="module")
async def tree() -> AsyncIterator[JobTree]:
    need("nginx", "nats-server", "npm")
    place = Path(tempfile.mkdtemp(prefix="stg-"))
    one = JobTree(place, place)
    try:
        deliver(one.package("package_cache") / "packages.tgz", print)
        (one.package("nginx") / "bin").mkdir()
        (one.package("nginx") / "bin/nginx").symlink_to(shutil.which("nginx") or "")
        await add_all(one)
        for job in one.jobs:
            one.script(job, "ctl", "start")
        yield one
    finally:
        one.close()
        shutil.rmtree(place, ignore_errors=True)


async def add_all(tree: JobTree) -> None:
    authority = certificate(Options("ca", {"is_ca": True, "common_name": "ca"}), None)
    made = certificate(Options("leaf", {"common_name": "here", "alternative_names": ["127.0.0.1"]}), authority)
    tls = {
        "tls.ca": authority["certificate"],
        "tls.certificate": made["certificate"],
        "tls.private_key": made["private_key"],
    }
    await tree.add("nats", {"users": {"stager": {"password": "stager-word"}}, **tls})
    await tree.add("package_cache", tls)
    tree.link("blobstore", {"port": 9443, "tls": {"ca": authority["certificate"]}})
    await tree.add("stager", {"egress": ["10.0.0.9", {"protocol": "tcp", "destination": "10.0.0.10", "ports": "443"}]})


def test_the_package_cache_serves_what_the_release_brings_and_what_is_added(tree: JobTree, tmp_path: Path) -> None:
    tree.script("package_cache", "post-start")
    ca = "/var/vcap/jobs/stager/config/ca.pem"
    ask = ["curl", "-sSf", "--cacert", ca]
    assert "flask-" in tree.run(*ask, "https://127.0.0.1:8899/simple/flask/")
    document = json.loads(tree.run(*ask, "https://127.0.0.1:8899/npm/express"))
    assert {version.split(".")[0] for version in document["versions"]} == {"4", "5"}
    more = tree.top / "vcap/more.tgz"
    (tmp_path / "one-1.0-py3-none-any.whl").write_bytes(b"a wheel")
    (tmp_path / "one-1.0.gem").write_bytes(b"a gem")
    with tarfile.open(more, "w:gz") as archive:
        archive.add(tmp_path / "one-1.0-py3-none-any.whl", "simple/one/one-1.0-py3-none-any.whl")
        archive.add(tmp_path / "one-1.0.gem", "gems/one-1.0.gem")
    assert "1 gems" in tree.script("package_cache", "add", "/var/vcap/more.tgz")
    assert "one-1.0-py3-none-any.whl" in tree.run(*ask, "https://127.0.0.1:8899/simple/one/")
    assert tree.run(*ask, "https://127.0.0.1:8899/gems/one-1.0.gem") == "a gem"
    tree.script("package_cache", "ctl", "stop")
    tree.script("package_cache", "pre-start")
    tree.script("package_cache", "ctl", "start")
    tree.script("package_cache", "post-start")
    assert tree.run(*ask, "https://127.0.0.1:8899/gems/one-1.0.gem") == "a gem"


def test_the_stager_is_on_the_bus_by_its_own_rights_and_drains(tree: JobTree) -> None:
    config = msgspec.json.decode((tree.top / "vcap/jobs/stager/config/stager.json").read_bytes(), type=Config)
    assert config.package_cache == "https://127.0.0.1:8899" and config.ca.endswith("/ca.pem")
    assert [(one.destination, one.protocol, one.ports) for one in config.egress] == [
        ("10.0.0.9", "all", ""),
        ("10.0.0.10", "tcp", "443"),
    ]
    log = tree.top / "vcap/sys/log/stager/stager.stdout.log"
    eventually(lambda: "stager_listens" in log.read_text() or None, "the stager")
    assert "Permissions Violation" not in log.read_text()
    # no warden is here: it is not fit to stage, and says so
    assert "503" in tree.run("curl", "-sS", "-w", "%{http_code}", f"http://127.0.0.1:{config.listen.port}/healthz")
    assert tree.script("stager", "drain") == "0"
    assert not [line for line in tree.processes() if "paas.stager" in line]
