"""One-shot executables under the conformance kit: the dummy CPI here, and a public one where `BOSH_CPI_BIN` names it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.loopback.cloud import DummyCloud

OPTIONAL = {"find", "vm_status", "configure_networks", "update_disk", "create_network"}


def check(*words: str, seconds: float = 280) -> subprocess.CompletedProcess[str]:
    meristem = str(Path(sys.executable).with_name("meristem"))
    command = [meristem, "cpi", "check", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)


def test_an_executable_passes(tmp_path: Path) -> None:
    cloud = DummyCloud.build(tmp_path, "nats://127.0.0.1:1", [])
    report, config = tmp_path / "report.json", tmp_path / "check.yml"
    config.write_text("limits: {at_once: 5}\n")
    try:
        done = check(str(cloud.executable), "--config", str(config), "--json", str(report))
    finally:
        cloud.close()
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(report.read_text())
    assert (told["way"], told["failed"], told["left"]) == ("executable", 0, [])
    assert told["passed"] >= 50
    for case in told["cases"]:
        if case["outcome"] == "skipped":
            optional = any(name in case["seen"] for name in OPTIONAL)
            assert optional or "is not spoken" in case["seen"] or "the configuration has no" in case["seen"], case
    assert [cloud.rows(kind) for kind in ("vms", "disks", "stemcells", "snapshots")] == [[], [], [], []]


@pytest.mark.timeout(1900)  # a real cloud behind an executable that is started for each call
def test_a_public_executable_is_reported_on(tmp_path: Path) -> None:
    """Its configuration: `BOSH_CPI_CHECK`. What it fails is the report's business; that there is one is ours."""
    program, config = os.environ.get("BOSH_CPI_BIN"), os.environ.get("BOSH_CPI_CHECK")
    if not program:
        pytest.skip("BOSH_CPI_BIN names no CPI executable")
    report = tmp_path / "report.json"
    words = ["--config", config] if config else []
    done = check(str(Path(program).absolute()), *words, "--json", str(report), seconds=1800)
    assert report.exists(), done.stdout + done.stderr
    told = json.loads(report.read_text())
    assert told["left"] == [], done.stdout
    assert told["passed"] > 0, done.stdout
