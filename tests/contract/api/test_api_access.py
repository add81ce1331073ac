"""Who may ask what: credentials, scopes, context ids (director API §1, §3)."""

from __future__ import annotations

import base64

import pytest

from tests.contract.api.served import Client, Served

READABLE = [
    *("/tasks", "/deployments", "/releases", "/stemcells", "/configs", "/events", "/locks", "/disks", "/orphan_disks"),
    *(
        "/orphaned_vms",
        "/resurrection",
        "/director/certificate_expiry",
        "/director/limits",
        "/deployment_configs",
        "/deployed_variables/x",
    ),
]
FOR_ADMINS = [
    ("POST", "/deployments"),
    ("DELETE", "/deployments/x"),
    ("POST", "/deployments/x/diff"),
    ("PUT", "/deployments/x/jobs/*"),
    ("POST", "/releases"),
    ("POST", "/stemcells"),
    ("POST", "/configs"),
    ("DELETE", "/configs"),
    ("DELETE", "/task/1"),
    ("POST", "/tasks/cancel"),
    ("POST", "/cleanup"),
    ("PUT", "/resurrection"),
    ("DELETE", "/vms/x"),
    ("DELETE", "/disks/x"),
    ("POST", "/events"),
    ("GET", "/tasks/1/output"),
    ("POST", "/deployments/x/scans"),
    ("POST", "/deployments/x/ssh"),
]


def test_info_needs_no_credentials(served: Served) -> None:
    info = served.client("").get("/info")
    assert info["user"] is None
    assert (info["name"], info["uuid"], info["cpi"]) == ("served", "5e4d", "memory")
    assert info["user_authentication"] == {"type": "basic", "options": {}}
    assert all(isinstance(one["status"], bool) for one in info["features"].values())
    assert served.client().get("/info")["user"] == "admin"
    assert served.client("admin", "wrong").get("/info")["user"] is None


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"admin:wrong").decode(),
        "Basic " + base64.b64encode(b"admin:").decode(),
        "Basic " + base64.b64encode(b":").decode(),
        "Basic " + base64.b64encode(b"admin").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic \u00e9\u00e9",
        "bearer abc.def.ghi",
    ],
)
def test_no_or_wrong_credentials(served: Served, header: str) -> None:
    headers = {"authorization": header.encode("latin-1")} if header else {}
    answer = served.client("")("GET", "/tasks", headers=headers)
    assert answer.status_code == 401
    assert answer.text == "Not authorized: '/tasks'\n"
    assert answer.headers["www-authenticate"] == 'Basic realm="BOSH Director"'


@pytest.mark.parametrize("path", READABLE)
def test_readers_read(served: Served, path: str) -> None:
    assert served.client("reader")("GET", path).status_code == 200


@pytest.mark.parametrize(("method", "path"), FOR_ADMINS)
def test_readers_change_nothing(served: Served, method: str, path: str) -> None:
    for user in ("reader", "nobody"):
        status, code, text = served.client(user).error(method, path)
        assert (status, code) == (401, 600000)
        assert text.startswith("Require one of the scopes: bosh.admin, ")
        assert "bosh.5e4d.admin" in text


def test_upload_scope(served: Served) -> None:
    uploader = served.client("uploader")
    assert uploader.get("/releases") == []
    body = {"content": b"", "headers": {"content-type": "application/x-compressed"}}
    assert uploader.error("POST", "/releases", **body)[1] == 40001
    assert uploader.error("POST", "/stemcells", **body)[:2] == (401, 600000)
    assert uploader.error("GET", "/deployments")[:2] == (401, 600000)


def test_team_members_see_nothing_of_others(served: Served) -> None:
    """Deployments of teams are not kept apart yet, so members get none rather than all."""
    member = served.client("member")
    assert member.get("/releases") == []
    assert member.get("/stemcells") == []
    for path in ("/deployments", "/tasks", "/configs", "/events"):
        assert member.error("GET", path)[:2] == (401, 600000)


def test_context_ids(served: Served, admin: Client) -> None:
    status, code, text = admin.error("GET", "/tasks", headers={"x-bosh-context-id": "x" * 65})
    assert (status, code, text) == (
        400,
        70010,
        "X-Bosh-Context-Id cannot be more than 64 characters in length. Shorten the header",
    )
    id = admin.task("DELETE", "/vms/none", headers={"x-bosh-context-id": "x" * 64})
    assert admin.wait(id)["context_id"] == "x" * 64
    assert [one["id"] for one in admin.get("/tasks", context_id="x" * 64, verbose="2")] == [id]


def test_unknown_endpoints(admin: Client) -> None:
    for method, path in [
        ("GET", "/nothing"),
        ("GET", "/deployments/x/y/z"),
        ("PATCH", "/deployments"),
        ("GET", "/task/1"),
        ("GET", "/tasks/"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
    ]:
        answer = admin(method, path)
        assert (answer.status_code, answer.text) == (404, f"Endpoint '{path}' not found.")


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/deployments", "application/json"),
        ("POST", "/deployments/x/diff", "application/json"),
        ("PUT", "/deployments/x/jobs/*", ""),
        ("POST", "/configs", "text/yaml"),
        ("POST", "/configs/diff", "text/yaml"),
        ("POST", "/cloud_configs", "application/json"),
        ("POST", "/releases", "text/yaml"),
        ("POST", "/stemcells", ""),
        ("POST", "/packages/matches", "application/json"),
        ("POST", "/tasks/cancel", "text/yaml"),
        ("POST", "/cleanup", ""),
        ("PUT", "/resurrection", ""),
        ("POST", "/events", "text/plain"),
    ],
)
def test_other_content_types_have_no_endpoint(admin: Client, method: str, path: str, kind: str) -> None:
    answer = admin(method, path, content=b"{}", headers={"content-type": kind} if kind else {})
    assert (answer.status_code, answer.text) == (404, f"Endpoint '{path}' not found.")


def test_charset_is_no_other_type(admin: Client) -> None:
    headers = {"content-type": "application/json;charset=UTF-8"}
    assert admin("POST", "/tasks/cancel", content=b"{}", headers=headers).status_code == 204
