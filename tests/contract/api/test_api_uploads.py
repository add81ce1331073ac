"""Releases and stemcells: raw, by form, by URL; lists, matches, deletions (director API §6)."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.api.served import Client, Served, stock
from tests.e2e.loopback.archives import STEMCELL, build_stemcell
from tests.e2e.loopback.shop import JOBS, PACKAGES, build_release, build_shop

RAW = {"content-type": "application/x-compressed"}


class Quiet(SimpleHTTPRequestHandler):
    """Files of a directory; `/moved/x` redirects to `/x`, `/round` to itself."""

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self.path.startswith(("/moved/", "/round")):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/moved"))
            self.end_headers()
        else:
            super().do_GET()


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server of this machine and its directory."""
    directory = tmp_path / "shelf"
    directory.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", directory
    server.shutdown()
    server.server_close()


def test_a_release_and_its_stages(admin: Client, served: Served, tmp_path: Path) -> None:
    task = admin.upload("releases", build_shop(tmp_path / "a.tgz"))
    assert (task["description"], task["result"]) == ("create release", "Created release 'shop/1.0'")
    assert admin.stages(task["id"]) == [
        "Extracting release",
        "Resolving package dependencies",
        "Creating new packages",
        "Creating new jobs",
        "Release has been created",
    ]
    again = admin.upload("releases", build_shop(tmp_path / "b.tgz", "1.1"))
    assert admin.stages(again["id"])[2:] == [
        "Processing 2 existing packages",
        "Processing 2 existing jobs",
        "Release has been created",
    ]
    assert list(served.house.spool.iterdir()) == [], "an upload was left in the spool"
    (row,) = admin.get("/releases")
    assert [one["version"] for one in row["release_versions"]] == ["1.0", "1.1"]
    assert row["release_versions"][0] == {
        "version": "1.0",
        "commit_hash": "00000000",
        "uncommitted_changes": False,
        "currently_deployed": False,
        "job_names": ["web", "smoke"],
    }
    (event,) = admin.get(
        "/events", action="create", object_type="release", object_name="shop/1.1", task=str(again["id"])
    )[:1]
    assert event["user"] == "admin"


def test_inspection(admin: Client) -> None:
    whole = admin.get("/releases/shop")
    assert whole["versions"] == ["1.0", "1.1"]
    assert {one["name"] for one in whole["packages"]} == {"base", "greet"}
    one = admin.get("/releases/shop", version="1.0")
    assert {job["name"] for job in one["jobs"]} == {"web", "smoke"}
    (web,) = (job for job in one["jobs"] if job["name"] == "web")
    assert web["provides"][0]["name"] == "backend"
    for package in one["packages"]:
        blob = admin("GET", f"/packages/blobs/{package['blobstore_id']}")
        assert f"sha256:{hashlib.sha256(blob.content).hexdigest()}" == package["sha1"]
        assert blob.headers["content-type"] == "application/x-gzip"
    assert admin.error("GET", f"/packages/blobs/{web['blobstore_id']}")[0] == 400
    resource = admin("GET", f"/resources/{web['blobstore_id']}")
    assert int(resource.headers["content-length"]) == len(resource.content)
    assert admin.error("GET", "/releases/none")[:2] == (404, 30005)
    assert admin.error("GET", "/releases/shop", params={"version": "9"})[:2] == (404, 30006)
    query = {"release_name": "shop", "name": "web", "fingerprint": web["fingerprint"]}
    assert admin.get("/jobs", **query)[0]["spec"]["name"] == "web"
    assert admin("GET", "/jobs", params={**query, "fingerprint": "0"}).status_code == 404
    assert admin("GET", "/jobs", params={"name": "web"}).status_code == 400


@pytest.mark.parametrize("id", ["none", "..", "%2e%2e", "a b", "%20", "0" * 36])
def test_no_such_resource(admin: Client, id: str) -> None:
    assert admin("GET", f"/resources/{id}").status_code == 404


def test_packages_that_need_not_be_sent(admin: Client) -> None:
    packages = [{"name": one["name"], "fingerprint": one["sha1"]} for one in admin.get("/releases/shop")["packages"]]
    held = [one["fingerprint"] for one in admin.get("/releases/shop", version="1.0")["packages"]]
    manifest = {"name": "shop", "version": "2", "packages": [{"fingerprint": held[0]}, {"fingerprint": "0"}, *packages]}
    assert admin.yaml("POST", "/packages/matches", manifest).json() == [held[0]]
    assert admin.yaml("POST", "/packages/matches_compiled", {"compiled_packages": [{"name": "x"}]}).json() == []
    for bad in ("- a", "5", "packages: 5", "packages: [5]", "a: ["):
        answer = admin.yaml("POST", "/packages/matches", bad)
        assert answer.status_code == 400
        assert answer.json()["code"] in (40000, 440001, 710000)


def test_a_form(admin: Client, tmp_path: Path) -> None:
    path = build_shop(tmp_path / "form.tgz", "3.0")
    admin.run("POST", "/releases", files={"file": ("form.tgz", path.read_bytes(), "application/x-compressed")})
    assert "3.0" in admin.get("/releases/shop")["versions"]
    assert admin.error("POST", "/releases", files={"note": (None, b"no file")})[:2] == (400, 40001)
    for kind in ("multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=b"):
        for junk in (b"", b"junk", b"--b", b"--b\r\n", b"--b\r\nX: y\r\n\r\nabc", b"--b--", b"--b\r\n" + b"x" * 40000):
            assert admin.error("POST", "/releases", content=junk, headers={"content-type": kind})[0] == 400


def test_nothing_sent(admin: Client) -> None:
    for kind in ("releases", "stemcells"):
        assert admin.error("POST", f"/{kind}", content=b"", headers=RAW)[:2] == (400, 40001)


def test_digests(admin: Client, tmp_path: Path) -> None:
    path = build_shop(tmp_path / "digest.tgz", "4.0")
    sha1, sha256 = (hashlib.new(name, path.read_bytes()).hexdigest() for name in ("sha1", "sha256"))
    for good in (sha1, f"sha256:{sha256}", f"{sha1};sha256:{sha256}"):
        task = admin.upload("releases", path, sha1=good)
        assert "Verifying remote release" in admin.stages(task["id"])
    id = admin.task("POST", "/releases", content=path.read_bytes(), headers=RAW, params={"sha1": "0" * 40})
    admin.wait(id, "error")
    assert admin.events(id)[-1]["error"]["code"] == 30015


def test_a_remote_release(admin: Client, served: Served, shelf: tuple[str, Path]) -> None:
    url, directory = shelf
    path = build_shop(directory / "far.tgz", "5.0")
    sha1 = hashlib.sha1(path.read_bytes()).hexdigest()
    task = admin.run("POST", "/releases", json={"location": f"{url}/moved/far.tgz", "sha1": sha1})
    assert admin.stages(task["id"])[:3] == [
        "Downloading remote release",
        "Verifying remote release",
        "Extracting release",
    ]
    for location, code in ((f"{url}/none.tgz", 100002), (f"{url}/round", 100001), ("http://127.0.0.1:1/x", 100001)):
        id = admin.task("POST", "/releases", json={"location": location})
        admin.wait(id, "error")
        assert admin.events(id)[-1]["error"]["code"] == code
    hidden = admin.task(
        "POST", "/releases", json={"location": url.replace("//", "//user:pass@") + "/none.tgz?token=t0k"}
    )
    admin.wait(hidden, "error")
    assert "pass" not in admin.output(hidden, "event") + admin.output(hidden, "debug")
    assert "t0k" not in admin.output(hidden, "event") + admin.output(hidden, "debug")
    assert list(served.house.spool.iterdir()) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        5,
        None,
        {"location": 5},
        {"location": ""},
        {"location": "file:///etc/passwd"},
        {"location": "/etc/passwd"},
        {"location": "http://"},
        {"location": "http://[::1"},
        {"location": "http://a:b:c/"},
        {"location": "http://a:99999/"},
        {"location": "http://127.0.0.1/x", "sha1": 5},
        {"location": "http://127.0.0.1/x", "sha1": "1"},
    ],
)
def test_bad_locations(admin: Client, body: Any) -> None:
    for kind in ("releases", "stemcells"):
        content, headers = json.dumps(body).encode(), {"content-type": "application/json"}
        status, code, _ = admin.error("POST", f"/{kind}", content=content, headers=headers, params={"sha1": "2"})
        assert status == 400
        assert code in (40000, 40005, 710001)


def test_the_same_version_with_other_content(admin: Client, tmp_path: Path) -> None:
    other = build_release(tmp_path / "o.tgz", "shop", "1.0", JOBS[1:], PACKAGES[:1])
    id = admin.task("POST", "/releases", content=other.read_bytes(), headers=RAW)
    admin.wait(id)
    changed = [type(PACKAGES[0])("base", "exit 1\n")]
    other = build_release(tmp_path / "p.tgz", "shop", "1.0", [], changed)
    id = admin.task("POST", "/releases", content=other.read_bytes(), headers=RAW)
    admin.wait(id, "error")
    assert admin.events(id)[-1]["error"]["code"] == 30012


def test_a_package_that_needs_what_is_not_there(admin: Client, tmp_path: Path) -> None:
    lonely = build_release(tmp_path / "l.tgz", "lonely", "1", [], [type(PACKAGES[0])("a", "true\n", {}, ("b",))])
    id = admin.task("POST", "/releases", content=lonely.read_bytes(), headers=RAW)
    admin.wait(id, "error")
    assert "'b'" in admin.events(id)[-1]["error"]["message"]
    assert admin.error("GET", "/releases/lonely")[1] == 30005


def test_a_stemcell(admin: Client, served: Served, tmp_path: Path) -> None:
    asked = {"stemcell": {"name": STEMCELL, "version": "1.0"}}
    assert admin("POST", "/stemcell_uploads", json=asked).json() == {"needed": True}
    task = admin.upload("stemcells", build_stemcell(tmp_path / "s.tgz", formats=("memory",)))
    assert [one["task"] for one in admin.events(task["id"]) if one.get("state") == "finished"] == [
        "Extracting stemcell archive",
        "Verifying stemcell manifest",
        f"Uploading stemcell {STEMCELL}/1.0 to the cloud",
    ]
    assert admin("POST", "/stemcell_uploads", json=asked).json() == {"needed": False}
    (row,) = admin.get("/stemcells")
    assert row == {
        "id": row["id"],
        "name": STEMCELL,
        "operating_system": "loopback",
        "version": "1.0",
        "cid": "stemcell-1",
        "cpi": "",
        "api_version": 2,
        "deployments": [],
    }
    for bad in ({}, {"stemcell": 5}, {"stemcell": {"name": "x"}}, []):
        assert admin.error("POST", "/stemcell_uploads", json=bad)[0] == 400
    id = admin.task("POST", "/stemcells", content=b"x", headers=RAW)
    admin.wait(id, "error")
    assert admin.events(id)[-1]["error"]["code"] == 50000
    wrong = build_stemcell(tmp_path / "w.tgz", "2.0", formats=("other",))
    id = admin.task("POST", "/stemcells", content=wrong.read_bytes(), headers=RAW)
    admin.wait(id, "error")
    assert admin.events(id)[-1]["error"]["code"] == 50008
    assert list(served.house.spool.iterdir()) == []


def test_deletions(admin: Client, served: Served) -> None:
    assert admin.error("DELETE", "/stemcells/none/1")[:2] == (404, 50003)
    admin.run("DELETE", f"/stemcells/{STEMCELL}/1.0")
    assert served.cloud.inventory.stemcells == {}
    task = admin.run("DELETE", "/releases/shop", params={"version": "1.0"})
    assert task["description"] == "delete release: shop/1.0"
    assert "1.0" not in admin.get("/releases/shop")["versions"]
    id = admin.task("DELETE", "/releases/shop", params={"version": "1.0"})
    admin.wait(id, "error")
    assert admin.events(id)[-1]["error"]["code"] == 30006
    admin.run("DELETE", "/releases/shop")
    assert admin.get("/releases") == []
    assert list(served.house.blobs._directory.iterdir()) == [], "blobs of deleted releases stay"  # type: ignore[attr-defined]


def test_clean_up_keeps_two(admin: Client, served: Served, tmp_path: Path) -> None:
    stock(admin, tmp_path)
    for version in ("1.2", "1.10"):
        admin.upload("releases", build_shop(tmp_path / f"{version}.tgz", version))
    for version in ("2.0", "3.0"):
        admin.upload("stemcells", build_stemcell(tmp_path / f"s{version}.tgz", version, formats=("memory",)))
    would = admin.get("/cleanup/dryrun", remove_all="false", keep_orphaned_disks="false")
    assert would["releases"] == [{"name": "shop", "versions": ["1.0", "1.1"]}]
    assert [one["version"] for one in would["stemcells"]] == ["1.0"]
    body = yaml.safe_load('{"config": {"remove_all": false, "keep_orphaned_disks": false}}')
    task = admin.run("POST", "/cleanup", json=body)
    assert task["description"] == "clean up"
    assert task["result"].startswith(
        "Deleted 2 release(s), 1 stemcell(s), 0 extra compiled package(s), 0 orphaned disk(s)"
    )
    assert admin.get("/releases/shop")["versions"] == ["1.2", "1.10"]
    everything = admin.run("POST", "/cleanup", json={"config": {"remove_all": True}})
    assert everything["description"] == "clean up all"
    assert (admin.get("/releases"), admin.get("/stemcells"), served.cloud.inventory.stemcells) == ([], [], {})
    for bad in (5, [], {"config": 5}):
        assert admin.error("POST", "/cleanup", json=bad)[0] == 400
