"""What is wrong is refused as UAA's clients know it: a status of 4xx, ``error`` and ``error_description``, never a fault of the server."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx2
import pytest

from tests.paas.uaa.uaa_client import CC, CF, UaaClient, bearer, said
from tests.paas.uaa.uaa_process import USER_PASSWORD, UaaProcess

ANN = "Ann@example.org"


def _shape(answer: httpx2.Response, status: int, error: str) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/json", answer.text
    body = answer.json()
    assert (answer.status_code, body["error"]) == (status, error), body
    assert body["error_description"]
    return body


def test_a_bad_password_is_refused_to_the_letter(client: UaaClient) -> None:
    for name, password in ((ANN, "wrong"), ("nobody", "wrong"), (ANN, "x" * 300), (ANN, "pass\u00e4\u2603")):
        answer = client.token(grant_type="password", username=name, password=password)
        assert answer.status_code == 401
        assert answer.json() == {"error": "unauthorized", "error_description": "Bad credentials"}
    client.log_in(ANN, USER_PASSWORD)


TOKEN_REFUSALS: list[tuple[str, tuple[str, str] | None, dict[str, str], int, str]] = [
    ("no client", None, {"grant_type": "password"}, 401, "unauthorized"),
    ("unknown client", ("nobody", "x"), {"grant_type": "password"}, 401, "unauthorized"),
    ("client's secret wrong", ("cc", "wrong"), {"grant_type": "client_credentials"}, 401, "unauthorized"),
    ("a secret where there is none", ("cf", "x"), {"grant_type": "password"}, 401, "unauthorized"),
    ("secret not ASCII", ("cc", "\u00e4"), {"grant_type": "client_credentials"}, 401, "unauthorized"),
    ("client in form another", CC, {"grant_type": "client_credentials", "client_id": "cf"}, 401, "unauthorized"),
    ("no grant", CF, {}, 400, "invalid_request"),
    ("unknown grant", CF, {"grant_type": "magic"}, 400, "unsupported_grant_type"),
    ("grant not the client's", CF, {"grant_type": "client_credentials"}, 401, "invalid_client"),
    ("no user", CF, {"grant_type": "password", "password": "x"}, 400, "invalid_request"),
    ("no password", CF, {"grant_type": "password", "username": "x"}, 400, "invalid_request"),
    ("NUL in a name", CF, {"grant_type": "password", "username": "a\0b", "password": "x"}, 400, "invalid_request"),
    (
        "origin elsewhere",
        CF,
        {"grant_type": "password", "username": ANN, "password": "x", "login_hint": '{"origin":"ldap"}'},
        400,
        "invalid_request",
    ),
    (
        "hint no JSON",
        CF,
        {"grant_type": "password", "username": ANN, "password": "x", "login_hint": "{"},
        400,
        "invalid_request",
    ),
    (
        "scope not to be had",
        CF,
        {"grant_type": "password", "username": ANN, "password": USER_PASSWORD, "scope": "scim.write"},
        400,
        "invalid_scope",
    ),
    ("no refresh token", CF, {"grant_type": "refresh_token"}, 400, "invalid_request"),
    ("refresh token made up", CF, {"grant_type": "refresh_token", "refresh_token": "a.b.c"}, 401, "invalid_token"),
    ("code made up", ("web", "web-secret"), {"grant_type": "authorization_code", "code": "x"}, 400, "invalid_grant"),
]


@pytest.mark.parametrize(
    ("auth", "fields", "status", "error"), [one[1:] for one in TOKEN_REFUSALS], ids=[one[0] for one in TOKEN_REFUSALS]
)
def test_tokens_are_refused(
    client: UaaClient, auth: tuple[str, str] | None, fields: dict[str, str], status: int, error: str
) -> None:
    _shape(client.token(auth, **fields), status, error)


@pytest.mark.parametrize(
    ("body", "headers", "status", "error"),
    [
        (b"grant_type=password&grant_type=x", {}, 400, "invalid_request"),
        (b"username=%ff", {}, 400, "invalid_request"),
        (b"\xff\xfe", {}, 400, "invalid_request"),
        (b"a=" + b"x" * 300_000, {}, 413, "invalid_request"),
        (b"&".join(b"a%d=1" % n for n in range(200)), {}, 400, "invalid_request"),
        (b'{"grant_type":"password"}', {"Content-Type": "application/json"}, 415, "invalid_request"),
        (b"", {"Authorization": "Basic !!!"}, 401, "unauthorized"),
        (b"", {"Authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()}, 401, "unauthorized"),
        (b"", {"Authorization": "Bearer x"}, 401, "unauthorized"),
    ],
)
def test_malformed_requests_for_tokens(
    client: UaaClient, body: bytes, headers: dict[str, str], status: int, error: str
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    _shape(client.http.post("/oauth/token", content=body, headers=headers), status, error)


def test_secrets_of_a_query_do_not_count(client: UaaClient) -> None:
    fields = {"username": ANN, "grant_type": "password"}
    answer = client.http.post("/oauth/token", params={"password": USER_PASSWORD}, data=fields, auth=CF)
    _shape(answer, 400, "invalid_request")


def test_a_token_that_does_not_hold(client: UaaClient) -> None:
    got = client.log_in(ANN, USER_PASSWORD)
    head, body, signature = got["access_token"].split(".")
    claims = said(got["access_token"]) | {"scope": ["uaa.admin"]}
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    for token in ("rubbish", f"{head}.{body}.", f"{head}.{forged}.{signature}", got["refresh_token"], got["id_token"]):
        _shape(client.http.get("/Users", headers=bearer(token)), 401, "invalid_token")
        _shape(client.http.post("/check_token", data={"token": token}, auth=CC), 400, "invalid_token")
    _shape(client.http.get("/Users"), 401, "unauthorized")
    _shape(client.http.post("/check_token", data={}, auth=CC), 400, "invalid_request")
    _shape(client.http.post("/check_token", data={"token": got["access_token"]}, auth=CF), 403, "insufficient_scope")
    asked = client.http.post("/check_token", data={"token": got["access_token"], "scopes": "uaa.admin"}, auth=CC)
    _shape(asked, 400, "invalid_token")


def test_scopes_are_needed(client: UaaClient) -> None:
    ann = bearer(client.log_in(ANN, USER_PASSWORD)["access_token"])
    own = said(ann["Authorization"])["user_id"]
    for method, path in (
        ("GET", "/Users"),
        ("POST", "/Users"),
        ("GET", "/Users/somebody"),
        ("PUT", f"/Users/{own}"),
        ("DELETE", f"/Users/{own}"),
        ("PUT", "/Users/somebody/password"),
        ("GET", "/Groups"),
        ("POST", "/Groups"),
        ("PUT", "/Groups/x"),
        ("DELETE", "/Groups/x"),
        ("GET", "/Groups/x/members"),
        ("POST", "/Groups/x/members"),
        ("DELETE", "/Groups/x/members/y"),
    ):
        body = _shape(client.http.request(method, path, headers=ann, json={}), 403, "insufficient_scope")
        assert "scim." in body["scope"] or "uaa.admin" in body["scope"]
    assert client.http.get(f"/Users/{own}", headers=ann).json()["userName"] == ANN
    client_token = bearer(client.token(CC, grant_type="client_credentials").json()["access_token"])
    _shape(client.http.get("/userinfo", headers=client_token), 403, "insufficient_scope")


BAD_USERS: list[tuple[object, int, str]] = [
    ({}, 400, "invalid_scim_resource"),
    ([], 400, "invalid_scim_resource"),
    ({"userName": 5}, 400, "invalid_scim_resource"),
    ({"userName": ""}, 400, "invalid_scim_resource"),
    ({"userName": "two words", "password": "x", "emails": [{"value": "a@b"}]}, 400, "invalid_scim_resource"),
    ({"userName": "nul\0", "password": "x", "emails": [{"value": "a@b"}]}, 400, "invalid_scim_resource"),
    ({"userName": "u" * 256, "password": "x", "emails": [{"value": "a@b"}]}, 400, "invalid_scim_resource"),
    ({"userName": "nomail", "password": "x"}, 400, "invalid_scim_resource"),
    ({"userName": "u", "password": "x", "emails": [{"value": " "}]}, 400, "invalid_scim_resource"),
    (
        {"userName": "u", "password": "x", "emails": [{"value": "a"}], "name": {"givenName": "\0"}},
        400,
        "invalid_request",
    ),
    ({"userName": "u", "emails": [{"value": "a@b"}]}, 422, "invalid_password"),
    ({"userName": "u", "password": "", "emails": [{"value": "a@b"}]}, 422, "invalid_password"),
    ({"userName": "u", "password": "x" * 256, "emails": [{"value": "a@b"}]}, 422, "invalid_password"),
    ({"userName": "ADMIN", "password": "x", "emails": [{"value": "a@b"}]}, 409, "scim_resource_already_exists"),
]


@pytest.mark.parametrize(("body", "status", "error"), BAD_USERS)
def test_users_are_refused(client: UaaClient, admin: dict[str, str], body: object, status: int, error: str) -> None:
    _shape(client.http.post("/Users", json=body, headers=admin), status, error)


def test_a_taken_name_is_told_to_the_letter(client: UaaClient, admin: dict[str, str]) -> None:
    body = {"userName": "Admin", "password": "x", "emails": [{"value": "a@b"}]}
    answer = client.http.post("/Users", json=body, headers=admin).json()
    assert answer["error_description"] == answer["message"] == "Username already in use: Admin"


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"userName": "\\ud800"}', b"null", b"[" * 100_000])
def test_malformed_json(client: UaaClient, admin: dict[str, str], body: bytes) -> None:
    for path in ("/Users", "/Groups"):
        _shape(client.http.post(path, content=body, headers=admin), 400, "invalid_scim_resource")


@pytest.mark.parametrize(
    "text",
    [
        "userName",
        'userName eq "a',
        "userName eq a",
        'userName is "a"',
        'passwort eq "a"',
        'password eq "a"',
        'created eq "a"',
        'userName eq "a" and',
        'userName eq "a" "b"',
        '(userName eq "a"',
        'active eq "true"',
        "userName eq true",
        'userName eq "\0"',
        "'; DROP TABLE users; --",
        "(" * 50 + 'userName eq "a"' + ")" * 50,
        "userName pr or " * 2000 + "userName pr",
    ],
)
def test_filters_are_refused(client: UaaClient, admin: dict[str, str], text: str) -> None:
    body = _shape(client.http.get("/Users", params={"filter": text}, headers=admin), 400, "invalid_filter")
    assert body["error_description"].startswith("Invalid filter expression: [")


@pytest.mark.parametrize(
    "query", ["startIndex=x", "count=1e3", "sortBy=password", "startIndex=99999999999", "count=\u0663"]
)
def test_pages_are_refused(client: UaaClient, admin: dict[str, str], query: str) -> None:
    _shape(client.http.get(f"/Users?{query}", headers=admin), 400, "scim")


def test_what_is_not_there(client: UaaClient, admin: dict[str, str]) -> None:
    for kind in ("Users", "Groups"):
        for method in ("GET", "DELETE"):
            body = _shape(client.http.request(method, f"/{kind}/none", headers=admin), 404, "scim_resource_not_found")
            assert body["message"] == f"{kind[:-1]} none does not exist"
    _shape(client.http.get("/Users/%00", headers=admin), 400, "invalid_request")
    _shape(client.http.get("/nothing/here"), 404, "not_found")
    _shape(client.http.get("/oauth/token"), 405, "method_not_allowed")
    _shape(
        client.http.put("/Users/none/password", json={"password": "x"}, headers=admin), 404, "scim_resource_not_found"
    )


def test_the_server_has_seen_no_fault(client: UaaClient, uaa: UaaProcess) -> None:
    client.http.get("/Users")
    assert "Traceback" not in uaa.log and '"fault"' not in uaa.log
