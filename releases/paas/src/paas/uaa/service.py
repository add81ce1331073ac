"""What the endpoints work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from starlette.requests import Request

from paas.database.engine import Database
from paas.tokens.claims import Claims
from paas.uaa.access import Access
from paas.uaa.clients import Clients
from paas.uaa.config import UaaConfig
from paas.uaa.issue import Issuer
from paas.uaa.keys import SigningKeys
from paas.uaa.login import Login
from paas.uaa.passwords import Passwords


@dataclass(frozen=True)
class Uaa:
    """One process's parts; made by `build`."""

    config: UaaConfig
    database: Database
    keys: SigningKeys
    clients: Clients
    passwords: Passwords
    login: Login
    issuer: Issuer
    access: Access

    @classmethod
    def build(cls, config: UaaConfig, keys: SigningKeys, database: Database, passwords: Passwords) -> Uaa:
        """All of the configuration."""
        return cls(
            config=config,
            database=database,
            keys=keys,
            clients=Clients(config),
            passwords=passwords,
            login=Login(database, passwords, config.lockout),
            issuer=Issuer(config, keys),
            access=Access(database, keys),
        )


def uaa_of(request: Request) -> Uaa:
    """Of the application that serves this request."""
    return cast("Uaa", request.app.state.uaa)


async def need(request: Request, *scopes: str, self_id: str = "") -> Claims:
    """Whoever has one of these scopes or is the user `self_id`; UaaError 401 or 403."""
    return await uaa_of(request).access.need(request.headers.get("authorization"), *scopes, self_id=self_id)
