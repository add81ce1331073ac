"""The four ways to get tokens. Source: RFC 6749, RFC 7636 (PKCE), UAA's API."""

from __future__ import annotations

import hmac
import time
from typing import Any

import msgspec
import structlog

from paas.database.transaction import Transaction
from paas.tokens.errors import TokenInvalidError
from paas.uaa.clients import Client
from paas.uaa.codes import challenge_of, take_code
from paas.uaa.errors import UaaError, invalid_request, invalid_token
from paas.uaa.groups import scopes_of
from paas.uaa.refresh_tokens import Refresh, begin_refresh, use_refresh
from paas.uaa.scopes import granted
from paas.uaa.service import Uaa
from paas.uaa.users import ORIGIN, User, user_by_id

log = structlog.get_logger("uaa")

GRANTS = ("password", "client_credentials", "refresh_token", "authorization_code")


async def grant(uaa: Uaa, client: Client, fields: dict[str, str]) -> dict[str, Any]:
    """The answer of ``/oauth/token``; UaaError."""
    kind = fields.get("grant_type", "")
    if not kind:
        raise invalid_request("Missing grant type")
    if kind not in GRANTS:
        raise UaaError(400, "unsupported_grant_type", f"Unsupported grant type: {kind[:100]}")
    client.need(kind)
    if kind == "client_credentials":
        scope = granted(client.config.authorities, fields.get("scope", ""), "client")
        return uaa.issuer.access(client, scope, kind, None, None)
    if kind == "refresh_token":
        return await _refreshed(uaa, client, fields)
    if kind == "authorization_code":
        return await _by_code(uaa, client, fields)
    return await _by_password(uaa, client, fields)


async def available(uaa: Uaa, transaction: Transaction, client: Client, user: User) -> set[str]:
    """The scopes that the client may have of the user."""
    has = await scopes_of(transaction, user.id) | set(uaa.config.default_groups)
    return has & set(client.config.scope)


def origin_hint(fields: dict[str, str]) -> None:
    """UaaError 400 where the user is said to come from elsewhere: passwords are known of our own users only."""
    hint = fields.get("login_hint", "")
    if not hint:
        return
    try:
        origin = msgspec.json.decode(hint, type=dict[str, Any]).get("origin", ORIGIN)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        raise invalid_request('The login_hint must be JSON such as {"origin":"uaa"}') from None
    if origin not in (ORIGIN, "", None):
        raise invalid_request(
            "The origin provided in the login_hint does not match an active Identity Provider, that supports password grant."
        )


async def _by_password(uaa: Uaa, client: Client, fields: dict[str, str]) -> dict[str, Any]:
    name, password = _required(fields, "username"), _required(fields, "password")
    origin_hint(fields)
    user = await uaa.login.check(name, password)

    async def tokens(transaction: Transaction) -> dict[str, Any]:
        scope = granted(await available(uaa, transaction, client, user), fields.get("scope", ""), "user")
        return await _user_tokens(uaa, transaction, client, user, scope, "password")

    answer = await uaa.database.run(tokens)
    log.info("login", user=user.id, client=client.id)
    return answer


async def _by_code(uaa: Uaa, client: Client, fields: dict[str, str]) -> dict[str, Any]:
    code = _required(fields, "code")
    found = await uaa.database.run(lambda transaction: take_code(transaction, code))
    if found is None or found.client_id != client.id:
        raise UaaError(400, "invalid_grant", "The authorization code was used already, has expired, or never was")
    if fields.get("redirect_uri", "") != found.redirect_uri:
        raise UaaError(400, "invalid_grant", "Redirect URI mismatch.")
    verifier = fields.get("code_verifier", "")
    if found.challenge and not hmac.compare_digest(challenge_of(verifier), found.challenge):
        raise UaaError(400, "invalid_grant", "The code_verifier does not match the code_challenge of the request")
    if not found.challenge and verifier:
        raise UaaError(400, "invalid_grant", "A code_verifier is given, but the request had no code_challenge")

    async def tokens(transaction: Transaction) -> dict[str, Any]:
        user = await user_by_id(transaction, found.user_id)
        scope = sorted(set(found.scope) & await available(uaa, transaction, client, user))
        return await _user_tokens(uaa, transaction, client, user, scope, "authorization_code", found.nonce)

    return await uaa.database.run(tokens)


async def _refreshed(uaa: Uaa, client: Client, fields: dict[str, str]) -> dict[str, Any]:
    token = _required(fields, "refresh_token")
    try:
        said = uaa.keys.payload(token)
    except TokenInvalidError:
        raise invalid_token("The refresh token is not one of this server") from None
    jti, expires = said.get("jti"), said.get("exp")
    if said.get("cid") != client.id or not isinstance(jti, str) or not isinstance(expires, int):
        raise invalid_token("The token is no refresh token of this client")
    if expires <= time.time():
        raise invalid_token("The refresh token expired; log in again")

    async def tokens(transaction: Transaction) -> dict[str, Any] | None:
        new = await use_refresh(transaction, jti)
        if new is None:
            return None
        user = await user_by_id(transaction, new.user_id)
        if not user.active:
            return None
        may = set(new.scope) & await available(uaa, transaction, client, user)
        scope = granted(may, fields.get("scope", ""), "user")
        answer = uaa.issuer.access(client, scope, new.grant_type, user, new.auth_time)
        return answer | {"refresh_token": _refresh_token(uaa, client, user, new)}

    answer = await uaa.database.run(tokens)
    if answer is None:
        raise invalid_token("The refresh token expired, was revoked, or its user is not active; log in again")
    return answer


async def _user_tokens(
    uaa: Uaa, transaction: Transaction, client: Client, user: User, scope: list[str], kind: str, nonce: str = ""
) -> dict[str, Any]:
    seconds = uaa.issuer.refresh_seconds(client)
    refresh = await begin_refresh(transaction, user.id, client.id, scope, kind, seconds)
    answer = uaa.issuer.access(client, scope, kind, user, refresh.auth_time)
    if "refresh_token" in client.config.grant_types:
        answer["refresh_token"] = _refresh_token(uaa, client, user, refresh)
    if "openid" in scope:
        answer["id_token"] = uaa.issuer.identity(client, user, nonce, refresh.auth_time)
    return answer


def _refresh_token(uaa: Uaa, client: Client, user: User, refresh: Refresh) -> str:
    return uaa.issuer.refresh(client, user, refresh.scope, refresh.jti, refresh.expires)


def _required(fields: dict[str, str], name: str) -> str:
    value = fields.get(name, "")
    if not value:
        raise invalid_request(f"The parameter {name} is missing")
    return value
