"""Our director with the stock agent, unchanged, behind a one-shot CPI as any vendor's."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
import yaml

from tests.e2e.loopback.api import Api, running
from tests.e2e.loopback.shop import build_shop, cloud_config, manifest
from tests.e2e.loopback.world import World


@pytest.fixture(scope="module")
def api(stock_world: World) -> Api:
    api = stock_world.api()
    api.upload_release(build_shop(stock_world.directory / "shop.tgz"))
    api.update_config("cloud", cloud_config())
    return api


def test_a_deployment_from_nothing(stock_world: World, api: Api) -> None:
    finished = api.deploy(manifest("stock"))
    assert {"base", "greet"} == {task.split("/")[0] for task in finished.tasks_of("Compiling packages")}
    rows = [row for row in api.instances("stock") if row["job_name"] == "front"]
    assert running(rows) == {"front/0", "front/1"}
    for row in rows:
        vm = stock_world.cloud.vm_of(row["agent_id"])
        base = Path(vm["base"])
        assert yaml.safe_load((base / "jobs/web/config/web.yml").read_text())["address"] == row["ips"][0]
        assert (base / "packages/greet/bin/greet").exists()
        assert (base / "instance/name").read_text().strip() == "front"
        assert vm["metadata"]["deployment"] == "stock"
        settings = json.loads((base / "bosh/update_settings.json").read_text())
        assert settings["disk_associations"] in ([], None)
    calls = stock_world.cloud.counts()
    assert calls["create_vm"] - calls["delete_vm"] == 2


def test_unchanged_then_changed(stock_world: World, api: Api) -> None:
    before = stock_world.cloud.counts()
    api.deploy(manifest("stock"))
    assert stock_world.cloud.counts() == before
    api.deploy(manifest("stock", greeting="moin"))
    assert stock_world.cloud.counts() == before
    rows = [row for row in api.instances("stock") if row["job_name"] == "front"]
    bases = [Path(stock_world.cloud.vm_of(row["agent_id"])["base"]) for row in rows]
    assert {yaml.safe_load((base / "jobs/web/config/web.yml").read_text())["greeting"] for base in bases} == {"moin"}


def test_a_disk_is_announced_and_mounted(stock_world: World, api: Api) -> None:
    api.deploy(manifest("stock", persistent_disk_type="small", greeting="moin"))
    for row in (row for row in api.instances("stock") if row["job_name"] == "front"):
        base = Path(stock_world.cloud.vm_of(row["agent_id"])["base"])
        assert list(json.loads((base / "bosh/persistent_disk_hints.json").read_text())) == row["disk_cids"]
        assert [mount["DiskCid"] for mount in json.loads((base / "bosh/mounts.json").read_text())] == row["disk_cids"]


def test_logs(stock_world: World, api: Api, tmp_path: Path) -> None:
    finished = api.run("GET", "/deployments/stock/jobs/front/0/logs", type="job")
    (tmp_path / "logs.tgz").write_bytes(api.http.get(f"/resources/{finished.task['result']}").content)
    with tarfile.open(tmp_path / "logs.tgz") as archive:
        assert any(name.endswith("web/pre-start.stdout.log") for name in archive.getnames())


def test_deletion(stock_world: World, api: Api) -> None:
    api.delete_deployment("stock")
    assert stock_world.cloud.rows("vms") == []
    counts = stock_world.cloud.counts()
    assert counts["create_vm"] == counts["delete_vm"]
