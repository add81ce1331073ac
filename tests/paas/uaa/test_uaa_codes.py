"""The authorization code grant: a form, a code by the browser, tokens for the code; with PKCE and OpenID's identity token."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.paas.uaa.uaa_client import UaaClient, said
from tests.paas.uaa.uaa_process import REDIRECT, USER_PASSWORD

ANN = "Ann@example.org"
WEB = ("web", "web-secret")
ASKED = {
    "response_type": "code",
    "client_id": "web",
    "redirect_uri": REDIRECT,
    "scope": "openid cloud_controller.read scim.write",
    "state": 'a&b="<>',
    "nonce": "n",
}


def _pkce() -> tuple[str, dict[str, str]]:
    verifier = secrets.token_urlsafe(48)
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return verifier, {"code_challenge": digest, "code_challenge_method": "S256"}


def _submit(client: UaaClient, asked: dict[str, str], password: str = USER_PASSWORD) -> httpx2.Response:
    """Fill in the form as a browser would: what it carries, with a name and a password."""
    page = client.http.get("/oauth/authorize", params=asked)
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    fields = {
        unescape(k): unescape(v) for k, v in re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', page.text)
    }
    assert fields == asked
    return client.http.post("/oauth/authorize", data=fields | {"username": ANN, "password": password})


def _query(answer: httpx2.Response) -> dict[str, list[str]]:
    assert answer.status_code == 302
    return parse_qs(urlsplit(answer.headers["location"]).query)


def test_a_user_logs_in_at_the_form_and_the_client_gets_tokens(client: UaaClient) -> None:
    sent = _submit(client, ASKED)
    assert sent.headers["location"].startswith("https://app.example.org/callback?fixed=1&code=")
    back = _query(sent)
    assert back["state"] == [ASKED["state"]]
    fields = {"grant_type": "authorization_code", "code": back["code"][0], "redirect_uri": REDIRECT}
    answer = client.token(WEB, **fields)
    assert answer.status_code == 200, answer.text
    got = answer.json()
    assert got["scope"] == "cloud_controller.read openid" and got["refresh_token"]
    identity = said(got["id_token"])
    assert (identity["aud"], identity["nonce"], identity["user_name"]) == (["web"], "n", ANN)
    again = client.token(WEB, **fields)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant"), "a code is used once"


def test_a_public_client_needs_pkce(client: UaaClient) -> None:
    redirect = "http://127.0.0.1:43210/back"
    asked = ASKED | {"client_id": "spa", "redirect_uri": redirect, "scope": "openid"}
    assert _query(client.http.get("/oauth/authorize", params=asked))["error"] == ["invalid_request"]
    verifier, challenge = _pkce()
    for given, status in ((verifier, 200), ("x" * 64, 400), ("", 400)):
        code = _query(_submit(client, asked | challenge))["code"][0]
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "client_id": "spa"}
        assert client.token(None, **fields, code_verifier=given).status_code == status


def test_a_code_serves_its_own_client_and_address_only(client: UaaClient) -> None:
    for auth, redirect in ((WEB, "https://app.example.org/callback"), (("spa", ""), REDIRECT)):
        code = _query(_submit(client, ASKED))["code"][0]
        answer = client.token(auth, grant_type="authorization_code", code=code, redirect_uri=redirect)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_a_bad_password_shows_the_form_again(client: UaaClient) -> None:
    answer = _submit(client, ASKED, "wrong")
    assert answer.status_code == 401 and "Bad credentials" in answer.text and "wrong" not in answer.text
    name = '"><script>alert(1)</script>'
    answer = client.http.post("/oauth/authorize", data=ASKED | {"username": name, "password": "x"})
    assert "<script>" not in answer.text and answer.status_code == 401
    client.log_in(ANN, USER_PASSWORD)


@pytest.mark.parametrize(
    "redirect",
    [
        "",
        "https://evil.example.org/",
        "https://app.example.org/callback",
        "https://app.example.org/callback?fixed=1&more=2",
        "https://app.example.org.evil.example.org/callback?fixed=1",
        "http://127.0.0.1:80@evil.example.org/back",
        "http://127.0.0.1:x/back",
        "http://[::1/back",
    ],
)
def test_nobody_is_sent_to_an_address_that_is_not_registered(client: UaaClient, redirect: str) -> None:
    for name in ("web", "spa"):
        answer = client.http.get("/oauth/authorize", params=ASKED | {"client_id": name, "redirect_uri": redirect})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": "x", "code_challenge_method": "S256"}, "invalid_request"),
        ({"code_challenge": "x" * 43, "code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "x" * 43}, "invalid_request"),
    ],
)
def test_what_cannot_be_followed_is_told_to_the_client(client: UaaClient, change: dict[str, str], error: str) -> None:
    back = _query(client.http.get("/oauth/authorize", params=ASKED | change))
    assert (back["error"], back["state"]) == ([error], [ASKED["state"]])


def test_an_unknown_client_is_told_here(client: UaaClient) -> None:
    answer = client.http.get("/oauth/authorize", params=ASKED | {"client_id": "nobody"})
    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")


def test_a_scope_that_is_not_to_be_had(client: UaaClient) -> None:
    back = _query(_submit(client, ASKED | {"scope": "scim.write"}))
    assert back["error"] == ["invalid_scope"] and "code" not in back
