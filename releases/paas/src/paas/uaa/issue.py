"""Makes tokens: access tokens, refresh tokens and OpenID's identity tokens. Source: UAA's token format, RFC 7519, OpenID Connect Core."""

from __future__ import annotations

import time
import uuid
from datetime import datetime
from typing import Any

import msgspec

from paas.uaa.clients import Client
from paas.uaa.config import UaaConfig
from paas.uaa.keys import SigningKeys
from paas.uaa.scopes import audience
from paas.uaa.users import User

REFRESH_SUFFIX = "-r"
"""Of a refresh token's jti."""


class Issuer:
    """Signs with the active key."""

    def __init__(self, config: UaaConfig, keys: SigningKeys) -> None:
        self._config = config
        self._keys = keys

    def access_seconds(self, client: Client) -> int:
        """How long the client's access tokens hold."""
        return client.config.access_token_seconds or self._config.access_token_seconds

    def refresh_seconds(self, client: Client) -> int:
        """How long after the log-in the client's refresh tokens hold."""
        return client.config.refresh_token_seconds or self._config.refresh_token_seconds

    def access(
        self, client: Client, scope: list[str], grant_type: str, user: User | None, auth_time: datetime | None
    ) -> dict[str, Any]:
        """The answer of ``/oauth/token``, without a refresh token."""
        now, life, jti = int(time.time()), self.access_seconds(client), uuid.uuid4().hex
        claims = {
            "jti": jti,
            "sub": user.id if user else client.id,
            "scope": scope,
            "client_id": client.id,
            "cid": client.id,
            "azp": client.id,
            "grant_type": grant_type,
            "revocable": True,  # tells the CLI to revoke its tokens when it logs out
            "iat": now,
            "exp": now + life,
            "iss": self._config.issuer,
            "zid": "uaa",
            "aud": audience(client.id, scope),
        }
        if user is None:
            claims["authorities"] = scope
        else:
            claims |= {"user_id": user.id, "user_name": user.name, "origin": user.origin, "email": user.email}
        if auth_time is not None:
            claims["auth_time"] = int(auth_time.timestamp())
        return {
            "access_token": self._sign(claims),
            "token_type": "bearer",
            "expires_in": life,
            "scope": " ".join(scope),
            "jti": jti,
        }

    def refresh(self, client: Client, user: User, scope: list[str], jti: str, expires: datetime) -> str:
        """Has no ``client_id``: nobody takes it for an access token."""
        claims = {
            "jti": jti,
            "sub": user.id,
            "user_id": user.id,
            "user_name": user.name,
            "origin": user.origin,
            "cid": client.id,
            "granted_scopes": scope,
            "revocable": True,
            "iat": int(time.time()),
            "exp": int(expires.timestamp()),
            "iss": self._config.issuer,
            "zid": "uaa",
            "aud": audience(client.id, scope),
        }
        return self._sign(claims)

    def identity(self, client: Client, user: User, nonce: str, auth_time: datetime) -> str:
        """Who logged in, for the client alone."""
        now = int(time.time())
        claims = {
            "sub": user.id,
            "user_id": user.id,
            "user_name": user.name,
            "origin": user.origin,
            "email": user.email,
            "email_verified": user.verified,
            "given_name": user.given_name,
            "family_name": user.family_name,
            "iss": self._config.issuer,
            "aud": [client.id],
            "azp": client.id,
            "iat": now,
            "exp": now + self.access_seconds(client),
            "auth_time": int(auth_time.timestamp()),
            "zid": "uaa",
        }
        if nonce:
            claims["nonce"] = nonce
        return self._sign(claims)

    def _sign(self, claims: dict[str, Any]) -> str:
        return self._keys.sign(msgspec.json.encode(claims))
