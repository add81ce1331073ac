"""Packages: uploads, files that the platform has already, and archives that it does not take."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import zipfile

import httpx2
import pytest

from tests.paas.cloud_controller.client import Api
from tests.paas.cloud_controller.pushing import upload_package, wait_for, zipped


def entry(path: str, content: bytes, mode: str = "755") -> dict[str, object]:
    sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    return {"path": path, "mode": mode, "checksum": {"value": sha1}, "size_in_bytes": len(content)}


async def content(api: Api, package: str) -> zipfile.ZipFile:
    """What the blobstore has of it."""
    answer = await api.ask("GET", f"/v3/packages/{package}/download")
    assert answer.status_code == 302
    async with httpx2.AsyncClient(trust_env=False) as http:
        return zipfile.ZipFile(io.BytesIO((await http.get(answer.headers["location"])).raise_for_status().content))


async def test_a_file_is_uploaded_once(admin: Api, app: str) -> None:
    large, small = os.urandom(100_000), b"small"
    question = {"resources": [entry("lib/large.bin", large), entry("small.txt", small)]}
    assert (await admin.post("/v3/resource_matches", question))["resources"] == []
    first = await upload_package(admin, app, zipped(index__html="x", large__bin=large))
    known: list[dict[str, object]] = []
    while not known:
        # the files of a package are kept just after it is ready
        known = (await admin.post("/v3/resource_matches", question))["resources"]
    assert known == [entry("lib/large.bin", large)]
    second = await upload_package(admin, app, zipped(index__html="y"), json.dumps(known))
    archive = await content(admin, second["guid"])
    assert sorted(archive.namelist()) == ["index.html", "lib/large.bin"]
    assert archive.read("lib/large.bin") == large
    assert stat.S_IMODE(archive.getinfo("lib/large.bin").external_attr >> 16) == 0o755
    only = await upload_package(admin, app, None, json.dumps(known))
    assert (await content(admin, only["guid"])).namelist() == ["lib/large.bin"]
    assert first["data"]["checksum"]["type"] == "sha256"


async def failed(api: Api, app: str, bits: bytes) -> str:
    """Why a package is not taken."""
    package = await api.post("/v3/packages", {"type": "bits", "relationships": {"app": {"data": {"guid": app}}}})
    await api.post(f"/v3/packages/{package['guid']}/upload", files={"bits": ("package.zip", bits)})
    ended = await wait_for(api, f"/v3/packages/{package['guid']}", ("FAILED",), bad=("READY",))
    return ended["data"]["error"]


def link(name: str, target: str) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        one = zipfile.ZipInfo(name)
        one.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(one, target)
    return raw.getvalue()


@pytest.mark.parametrize(
    ("bits", "words"),
    [
        (b"no zip at all", "not a zip archive"),
        (zipped(**{"../out": "x"}), "leads out of the app's folder"),
        (zipped(**{"/etc/passwd": "x"}), "leads out of the app's folder"),
        (link("a/b", "../../out"), "leads out of the app's folder"),
        (link("a", "/etc/passwd"), "leads out of the app's folder"),
        (zipped(), "it has no files"),
    ],
)
async def test_what_is_no_package_fails_with_its_reason(admin: Api, app: str, bits: bytes, words: str) -> None:
    assert words in await failed(admin, app, bits)


async def test_a_link_within_the_folder_is_taken(admin: Api, app: str) -> None:
    await upload_package(admin, app, link("a/b/c", "../../d"))


async def test_bits_are_uploaded_once(admin: Api, app: str) -> None:
    package = await upload_package(admin, app, zipped(index__html="x"))
    path = f"/v3/packages/{package['guid']}/upload"
    error = await admin.fail(400, "POST", path, files={"bits": ("package.zip", zipped(a="x"))})
    assert error["title"] == "CF-PackageBitsAlreadyUploaded"


async def test_an_upload_of_nothing_is_refused(admin: Api, app: str) -> None:
    package = await admin.post("/v3/packages", {"type": "bits", "relationships": {"app": {"data": {"guid": app}}}})
    path = f"/v3/packages/{package['guid']}/upload"
    assert "either resources or bits" in (await admin.fail(422, "POST", path, data={"resources": "[]"}))["detail"]
    assert (await admin.fail(400, "POST", path, data={"resources": "[nonsense"}))["title"] == "CF-MessageParseError"
    bad = json.dumps([{"path": "../x", "checksum": {"value": "0" * 40}}])
    assert "leads out" in (await admin.fail(422, "POST", path, data={"resources": bad}))["detail"]
    assert (await admin.get(f"/v3/packages/{package['guid']}"))["state"] == "AWAITING_UPLOAD"


async def test_a_file_that_is_not_known_any_more_fails_the_package(admin: Api, app: str) -> None:
    package = await admin.post("/v3/packages", {"type": "bits", "relationships": {"app": {"data": {"guid": app}}}})
    known = json.dumps([entry("x", os.urandom(10))])
    await admin.post(f"/v3/packages/{package['guid']}/upload", data={"resources": known})
    ended = await wait_for(admin, f"/v3/packages/{package['guid']}", ("FAILED",), bad=("READY",))
    assert "push again" in ended["data"]["error"]


async def test_packages_are_listed_and_deleted(admin: Api, app: str) -> None:
    first = await upload_package(admin, app, zipped(index__html="x"))
    query = {"app_guids": app, "order_by": "-created_at", "per_page": "1"}
    assert [one["guid"] for one in (await admin.get("/v3/packages", **query))["resources"]] == [first["guid"]]
    waiting = await admin.post("/v3/packages", {"type": "bits", "relationships": {"app": {"data": {"guid": app}}}})
    assert [one["guid"] for one in (await admin.get("/v3/packages", **query))["resources"]] == [waiting["guid"]]
    ready = await admin.get("/v3/packages", app_guids=app, states="READY")
    assert [one["guid"] for one in ready["resources"]] == [first["guid"]]
    await admin.delete(f"/v3/packages/{first['guid']}")
    assert (await admin.fail(404, "GET", f"/v3/packages/{first['guid']}"))["detail"] == "Package not found"
    body = {"type": "bits", "relationships": {"app": {"data": {"guid": "none"}}}}
    assert "App is invalid" in (await admin.fail(422, "POST", "/v3/packages", body))["detail"]


async def test_a_package_is_copied_to_another_app(admin: Api, app: str, space: str) -> None:
    source = await upload_package(admin, app, zipped(index__html="copied"))
    to = {"space": {"data": {"guid": space}}}
    other = (await admin.post("/v3/apps", {"name": f"other-{os.urandom(4).hex()}", "relationships": to}))["guid"]
    body = {"relationships": {"app": {"data": {"guid": other}}}}
    made = await admin.post("/v3/packages", body, params={"source_guid": source["guid"]})
    ready = await wait_for(admin, f"/v3/packages/{made['guid']}", ("READY",))
    assert ready["data"]["checksum"] == source["data"]["checksum"]
    assert (await content(admin, made["guid"])).read("index.html") == b"copied"
    error = await admin.fail(422, "POST", "/v3/packages", body, params={"source_guid": "none"})
    assert "Source package is invalid" in error["detail"]
