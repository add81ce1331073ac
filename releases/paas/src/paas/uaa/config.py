"""UAA's configuration."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

import msgspec

from paas.database.config import DatabaseConfig
from paas.serve.config import ConfigError
from paas.serve.http import Listen

Grant = Literal["password", "client_credentials", "refresh_token", "authorization_code"]

DEFAULT_GROUPS = ("openid", "uaa.user", "cloud_controller.read", "cloud_controller.write", "password.write", "scim.me")


class ClientConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A program that asks for tokens. `scope`: what it may have of a user; `authorities`: what it has for itself.

    An empty `secret` makes a public client: its codes need PKCE. `redirect_uris` are compared to the letter, but for the port of a
    loopback address. Lives of tokens in seconds; 0: as for all clients.
    """

    secret: str = ""
    grant_types: list[Grant]
    scope: list[str] = []
    authorities: list[str] = []
    redirect_uris: list[str] = []
    access_token_seconds: int = 0
    refresh_token_seconds: int = 0


class UserConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A user that is made at the start. Their password is set again only when it changes here."""

    name: str
    password: str
    email: str = ""
    given_name: str = ""
    family_name: str = ""
    groups: list[str] = []


class Lockout(msgspec.Struct, frozen=True, kw_only=True):
    """After `failures` bad passwords, none of which is older than `window` seconds, an account is locked for `seconds`."""

    failures: int = 5
    window: int = 1200
    seconds: int = 300


class Hashing(msgspec.Struct, frozen=True, kw_only=True):
    """argon2id's cost: memory in KiB, passes, lanes. `at_once`: how many are computed side by side."""

    memory: int = 19456
    passes: int = 2
    lanes: int = 1
    at_once: int = 2


class UaaConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`url` and `login_url`: as the world sees them. `keys`: name -> private RSA key (PEM); `active_key` signs, all are published."""

    listen: Listen
    database: DatabaseConfig
    url: str
    login_url: str = ""
    keys: dict[str, str]
    active_key: str
    clients: dict[str, ClientConfig] = {}
    users: list[UserConfig] = []
    groups: dict[str, str] = {}
    default_groups: tuple[str, ...] = DEFAULT_GROUPS
    access_token_seconds: int = 600
    refresh_token_seconds: int = 30 * 24 * 3600
    lockout: Lockout = Lockout()
    hashing: Hashing = Hashing()

    @property
    def issuer(self) -> str:
        """The claim ``iss`` of all tokens."""
        return f"{self.url.rstrip('/')}/oauth/token"

    def check(self) -> None:
        """ConfigError names what does not fit together."""
        if urlsplit(self.url).scheme not in ("http", "https"):
            raise ConfigError("url must be the address of UAA as its clients see it, such as https://uaa.example.org")
        if self.active_key not in self.keys:
            raise ConfigError(f"active_key is {self.active_key!r}, which is none of keys ({', '.join(self.keys)})")
        for name, client in self.clients.items():
            if not name:
                raise ConfigError("clients: a client's id is empty")
            if "client_credentials" in client.grant_types and not client.secret:
                raise ConfigError(f"clients.{name}: a client that gets tokens for itself needs a secret")
            if "authorization_code" in client.grant_types and not client.redirect_uris:
                raise ConfigError(f"clients.{name}: authorization_code needs redirect_uris")
        for user in self.users:
            if not user.name or not user.password:
                raise ConfigError(f"users: {user.name or 'a user without a name'} needs a name and a password")
