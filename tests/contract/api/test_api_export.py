"""POST /releases/export: what is missing is compiled, and all of it becomes one archive (director API §6)."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import Any

import pytest
import yaml

from tests.contract.api.served import Client, Served, shop

BODY: dict[str, Any] = {
    "deployment_name": "shop",
    "release_name": "shop",
    "release_version": "1.1",
    "stemcell_os": "loopback",
    "stemcell_version": "1.0",
    "sha2": False,
    "jobs": [],
}


def exported(admin: Client, **more: Any) -> tuple[dict[str, Any], dict[str, bytes], dict[str, str]]:
    """The task, the archive's members and the result line."""
    task = admin.run("POST", "/releases/export", json={**BODY, **more})
    result = json.loads(admin.output(task["id"], "result"))
    data = admin("GET", f"/resources/{result['blobstore_id']}").content
    algorithm, _, value = result["sha1"].rpartition(":")
    assert hashlib.new(algorithm or "sha1", data).hexdigest() == value
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames()[0] == "release.MF"
        members = {one.name: archive.extractfile(one).read() for one in archive if one.isfile()}  # type: ignore[union-attr]
    return task, members, result


@pytest.fixture(scope="module")
def empty(stocked: Client) -> Client:
    """A deployment of the release without instances of it: nothing is compiled yet."""
    stocked.deploy(shop(instances=0))
    return stocked


def test_export_compiles_what_is_missing(empty: Client, served: Served) -> None:
    task, members, result = exported(empty)
    assert task["description"] == "export release: 'shop/1.1' for 'loopback/1.0'"
    assert task["result"] == "Exported release: shop/1.1 for loopback/1.0"
    assert "Compiling packages" in empty.stages(task["id"])
    assert served.cloud.inventory.vms == {}, "a compilation VM is left"
    manifest = yaml.safe_load(members["release.MF"])
    assert (manifest["name"], manifest["version"], manifest["commit_hash"]) == ("shop", "1.1", "00000000")
    assert {one["name"]: one["stemcell"] for one in manifest["compiled_packages"]} == {
        "base": "loopback/1.0",
        "greet": "loopback/1.0",
    }
    for one in manifest["compiled_packages"]:
        data = members[f"compiled_packages/{one['name']}.tgz"]
        assert one["sha1"] == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert {one["name"] for one in manifest["jobs"]} == {"web", "smoke"}
    assert {"jobs/web.tgz", "jobs/smoke.tgz"} <= set(members)
    again, same, _ = exported(empty, sha2=True)
    assert "Compiling packages" not in empty.stages(again["id"])
    assert same.keys() == members.keys()
    listed = empty.get("/cleanup/dryrun")["exported_releases"]
    assert result["blobstore_id"] in listed and len(listed) == 2
    cleaned = empty.run("POST", "/cleanup", json={"config": {}})
    gone = {one["task"] for one in empty.events(cleaned["id"]) if one.get("stage") == "Deleting exported releases"}
    assert gone == set(listed)
    assert empty.get("/cleanup/dryrun")["exported_releases"] == []
    assert empty("GET", f"/resources/{result['blobstore_id']}").status_code == 404


def test_chosen_jobs_bring_their_packages_alone(empty: Client) -> None:
    _, members, _ = exported(empty, jobs=[{"name": "smoke"}])
    assert set(members) == {"release.MF", "jobs/smoke.tgz"}


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"release_version": "1.0"}, 30011),
        ({"release_version": "9"}, 30006),
        ({"stemcell_version": "9"}, 50003),
        ({"stemcell_os": "other"}, 50003),
        ({"jobs": [{"name": "none"}]}, 70009),
    ],
)
def test_what_cannot_be_exported(empty: Client, more: dict[str, Any], code: int) -> None:
    id = empty.task("POST", "/releases/export", json={**BODY, **more})
    empty.wait(id, "error")
    assert empty.events(id)[-1]["error"]["code"] == code


def test_bad_requests(empty: Client) -> None:
    assert empty.error("POST", "/releases/export", json={**BODY, "deployment_name": "none"})[:2] == (404, 70000)
    for key in ("release_name", "stemcell_os", "deployment_name"):
        assert empty.error("POST", "/releases/export", json={**BODY, key: ""})[:2] == (400, 40001)
    for bad in ([], 5, {**BODY, "jobs": 5}, {**BODY, "jobs": [5]}):
        assert empty.error("POST", "/releases/export", json=bad)[0] == 400
