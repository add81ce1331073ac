"""The job as the release has it: one node by itself, and one of two that knows the other."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from director.adapters.secrets.certificates import certificate
from director.adapters.secrets.options import Options
from tests.paas.services.component import eventually
from tests.paas.services.job_tree import JobTree
from tests.programs import need

pytestmark = [pytest.mark.lab, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

SECRET = "a-secret-of-the-deployment"


@pytest.fixture
async def tree() -> AsyncIterator[JobTree]:
    need("nginx")
    place = Path(tempfile.mkdtemp(prefix="blb-"))
    one = JobTree(place, place)
    try:
        (one.package("nginx") / "bin").mkdir()
        (one.package("nginx") / "bin/nginx").symlink_to(shutil.which("nginx") or "")
        yield one
    finally:
        one.close()
        shutil.rmtree(place, ignore_errors=True)


async def test_a_node_keeps_blobs_over_a_restart_and_knows_its_peers(tree: JobTree) -> None:
    authority = certificate(Options("ca", {"is_ca": True, "common_name": "ca"}), None)
    made = certificate(
        Options("leaf", {"common_name": "here", "alternative_names": ["127.0.0.1", "blobstore"]}), authority
    )
    tls = {
        "tls.ca": authority["certificate"],
        "tls.certificate": made["certificate"],
        "tls.private_key": made["private_key"],
    }
    # another of its group; at this address it is itself, so that what neither has must not be asked for without end
    tree.link("blobstore", {"port": 9443})
    await tree.add("blobstore", {"password": "blobs-word", "secret": SECRET, **tls})
    config = tree.top / "vcap/jobs/blobstore/config/blobstore.json"
    assert [config.stat().st_uid, oct(config.stat().st_mode)[-3:]] == [64317, "400"]
    assert json.loads(config.read_text())["peers"] == ["https://127.0.0.1:9443"]
    tree.start()
    curl = ["curl", "-sSf", "--cacert", "/var/vcap/jobs/blobstore/config/ca.pem", "-u", "blobs:blobs-word"]
    tree.run(*curl, "-T", "/etc/passwd", "https://127.0.0.1:9443/rw/droplets/one")
    missing = [*curl[:1], "-sS", *curl[2:], "-o", "/dev/null", "-w", "%{http_code}"]
    assert tree.run(*missing, "https://127.0.0.1:9443/rw/droplets/none") == "404"
    tree.script("blobstore", "sync", "start")
    eventually(lambda: [line for line in tree.processes() if "blobstore.sync" in line] or None, "the sync")
    tree.stop()
    tree.script("blobstore", "sync", "stop")
    assert tree.processes() == []
    tree.start()
    assert "vcap" in tree.run(*curl, "https://127.0.0.1:9443/rw/droplets/one")
    log = "".join(file.read_text() for file in (tree.top / "vcap/sys/log").rglob("*.log"))
    assert "/rw/droplets/one" in log and "blobs-word" not in log and SECRET not in log
