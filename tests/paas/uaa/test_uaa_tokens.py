"""Tokens by password, by the client itself, by refreshing; checked, revoked, and signed by keys that change."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from paas.tokens.client import ServiceClient, ServiceToken
from paas.tokens.errors import TokenInvalidError
from paas.tokens.verify import Verifier

from tests.paas.uaa.uaa_client import CC, UaaClient, bearer, said
from tests.paas.uaa.uaa_process import CLIENT_SECRET, USER_PASSWORD, UaaProcess

if TYPE_CHECKING:
    from typing import Any

ANN = "Ann@example.org"


def test_who_comes_learns_where_to_log_in_and_what_is_asked(client: UaaClient, uaa: UaaProcess) -> None:
    for path in ("/", "/login", "/info"):
        answer = client.http.get(path, headers={"Accept": "application/json"})
        assert answer.status_code == 200
        assert answer.json()["app"] == {"version": "77.0.0"}
        assert answer.json()["links"] == {"uaa": uaa.url, "login": uaa.config["login_url"]}
        assert answer.json()["prompts"] == {"username": ["text", "Email"], "password": ["password", "Password"]}


async def test_a_users_token_says_who_and_what(client: UaaClient, uaa: UaaProcess) -> None:
    got = client.log_in(ANN, USER_PASSWORD)
    assert got["token_type"] == "bearer" and got["expires_in"] == 600
    scope = ["cloud_controller.read", "cloud_controller.write", "openid", "password.write", "uaa.user"]
    assert got["scope"].split() == scope
    claims = said(got["access_token"])
    assert claims["jti"] == got["jti"] and claims["scope"] == scope and claims["exp"] == claims["iat"] + 600
    assert claims["aud"] == ["cf", "cloud_controller", "openid", "password", "uaa"]
    assert claims["iss"] == f"{uaa.url}/oauth/token" and claims["revocable"] is True
    assert (claims["user_name"], claims["email"], claims["origin"]) == (ANN, "ann@example.org", "uaa")
    assert claims["client_id"] == claims["cid"] == "cf" and claims["sub"] == claims["user_id"]
    verifier = Verifier(f"{uaa.url}/token_keys", issuer=claims["iss"])
    try:
        assert (await verifier.verify(got["access_token"])).user_id == claims["user_id"]
        for other in ("refresh_token", "id_token"):
            with pytest.raises(TokenInvalidError):
                await verifier.verify(got[other])
    finally:
        await verifier.close()


def test_groups_and_the_request_make_the_scope(client: UaaClient, admin: dict[str, str]) -> None:
    assert "cloud_controller.admin" in said(admin["Authorization"])["scope"]
    answer = client.token(grant_type="password", username=ANN, password=USER_PASSWORD, scope="openid scim.write")
    assert answer.json()["scope"] == "openid"


def test_a_name_is_known_in_any_case(client: UaaClient) -> None:
    assert client.log_in("ann@EXAMPLE.org", USER_PASSWORD)["access_token"]


async def test_a_client_gets_a_token_for_itself(client: UaaClient, uaa: UaaProcess) -> None:
    by_header = client.token(CC, grant_type="client_credentials").json()
    by_form = client.token(None, grant_type="client_credentials", client_id="cc", client_secret=CLIENT_SECRET).json()
    for got in (by_header, by_form):
        claims = said(got["access_token"])
        assert claims["scope"] == ["scim.read", "uaa.resource"] and claims["sub"] == "cc"
        assert "user_name" not in claims and "refresh_token" not in got
    own = ServiceToken(ServiceClient(token_url=f"{uaa.url}/oauth/token", client_id="cc", client_secret=CLIENT_SECRET))
    try:
        assert said(await own.get())["client_id"] == "cc"
    finally:
        await own.close()


def test_refreshing_gives_a_new_pair_and_two_at_once_both_succeed(client: UaaClient) -> None:
    first = client.log_in(ANN, USER_PASSWORD)
    second = client.refresh(first["refresh_token"])
    also = client.refresh(first["refresh_token"])
    assert second.status_code == also.status_code == 200
    assert second.json()["access_token"] != first["access_token"]
    assert second.json()["refresh_token"] != first["refresh_token"]
    ends = [said(one["refresh_token"])["exp"] for one in (first, second.json(), also.json())]
    assert max(ends) - min(ends) <= 1, "refreshing does not lengthen a log-in"
    assert client.refresh(second.json()["refresh_token"]).status_code == 200


def test_what_a_user_lost_is_gone_with_the_next_refresh(client: UaaClient, admin: dict[str, str]) -> None:
    user = client.new_user(admin)
    groups = client.http.get("/Groups", params={"filter": 'displayName eq "scim.read"'}, headers=admin).json()
    members = f"/Groups/{groups['resources'][0]['id']}/members"
    assert client.http.post(members, json={"value": user["id"]}, headers=admin).status_code == 201
    got = client.log_in(user["userName"], "first")
    assert "scim.read" in got["scope"].split()
    assert client.http.delete(f"{members}/{user['id']}", headers=admin).status_code == 200
    assert "scim.read" not in client.refresh(got["refresh_token"]).json()["scope"].split()


def _check(client: UaaClient, token: str) -> tuple[int, dict[str, Any]]:
    answer = client.http.post("/check_token", data={"token": token}, auth=CC)
    return answer.status_code, answer.json()


def test_logging_out_as_the_cli_does_ends_both_tokens(client: UaaClient) -> None:
    got = client.log_in(ANN, USER_PASSWORD)
    later = client.refresh(got["refresh_token"]).json()
    other = client.log_in(ANN, USER_PASSWORD)
    headers = bearer(later["access_token"])
    assert _check(client, later["access_token"])[0] == 200
    for jti in (said(later["refresh_token"])["jti"], said(later["access_token"])["jti"]):
        assert client.http.delete(f"/oauth/token/revoke/{jti}", headers=headers).status_code == 200
    for token in (got["refresh_token"], later["refresh_token"]):
        refused = client.refresh(token)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")
    status, body = _check(client, later["access_token"])
    assert (status, body["error"]) == (400, "invalid_token")
    assert client.http.get("/userinfo", headers=headers).json()["error"] == "invalid_token"
    assert client.refresh(other["refresh_token"]).status_code == 200, "another log-in goes on"


def test_others_tokens_are_not_ones_own_to_revoke(client: UaaClient, admin: dict[str, str]) -> None:
    got = client.log_in(ANN, USER_PASSWORD)
    user = client.new_user(admin)
    stranger = bearer(client.log_in(user["userName"], "first")["access_token"])
    for jti in (said(got["refresh_token"])["jti"], got["jti"]):
        assert client.http.delete(f"/oauth/token/revoke/{jti}", headers=stranger).status_code == 404
    assert _check(client, got["access_token"])[0] == 200
    assert client.http.delete(f"/oauth/token/revoke/{got['jti']}", headers=admin).status_code == 200
    assert _check(client, got["access_token"])[0] == 400


def test_a_removed_users_tokens_hold_no_more(client: UaaClient, admin: dict[str, str]) -> None:
    user = client.new_user(admin)
    got = client.log_in(user["userName"], "first")
    assert client.http.delete(f"/Users/{user['id']}", headers=admin).status_code == 200
    assert _check(client, got["access_token"])[0] == 400
    assert client.refresh(got["refresh_token"]).status_code == 401


def test_userinfo(client: UaaClient) -> None:
    got = client.log_in(ANN, USER_PASSWORD)
    answer = client.http.get("/userinfo", headers=bearer(got["access_token"]))
    assert answer.status_code == 200
    body = answer.json()
    assert (body["user_name"], body["email"], body["given_name"]) == (ANN, "ann@example.org", "Ann")
    assert body["sub"] == body["user_id"] == said(got["access_token"])["user_id"]


def test_all_keys_are_published_and_one_signs(client: UaaClient) -> None:
    keys = client.http.get("/token_keys").json()["keys"]
    assert [one["kid"] for one in keys] == ["one", "two"]
    for one in keys:
        assert (one["kty"], one["alg"], one["use"]) == ("RSA", "RS256", "sig")
        assert one["value"].startswith("-----BEGIN PUBLIC KEY-----") and "d" not in one
    assert client.http.get("/token_key").json() == keys[0]


def test_discovery_leads_to_what_is_there(client: UaaClient, uaa: UaaProcess) -> None:
    found = client.http.get("/.well-known/openid-configuration").json()
    assert found["issuer"] == f"{uaa.url}/oauth/token"
    assert client.http.get(found["jwks_uri"]).status_code == 200
    assert client.http.get(found["userinfo_endpoint"]).status_code == 401
    assert client.http.post(found["token_endpoint"]).status_code == 401
    assert found["code_challenge_methods_supported"] == ["S256"]


def test_a_token_is_no_older_than_it_says(client: UaaClient) -> None:
    claims = said(client.log_in(ANN, USER_PASSWORD)["access_token"])
    assert abs(claims["iat"] - time.time()) < 60 and claims["auth_time"] <= claims["iat"] + 1
