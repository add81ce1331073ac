"""The programs that ask for tokens: who they are, and what they may ask for."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from urllib.parse import urlsplit

from paas.uaa.config import ClientConfig, UaaConfig
from paas.uaa.errors import UaaError, bad_credentials, no_token

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Client:
    """One of the configuration's."""

    id: str
    config: ClientConfig

    @property
    def public(self) -> bool:
        """Whether anybody can be this client."""
        return not self.config.secret

    def need(self, grant: str) -> None:
        """UaaError 401 where the client may not use this grant."""
        if grant not in self.config.grant_types:
            raise UaaError(401, "invalid_client", f"Unauthorized grant type: {grant}")

    def takes(self, redirect_uri: str) -> bool:
        """Whether a code may be sent there: to the letter; of a loopback address any port will do (RFC 8252, 7.3)."""
        return any(_same(known, redirect_uri) for known in self.config.redirect_uris)


class Clients:
    """All of the configuration's."""

    def __init__(self, config: UaaConfig) -> None:
        self._clients = {name: Client(name, one) for name, one in config.clients.items()}

    def get(self, name: str) -> Client | None:
        """By id."""
        return self._clients.get(name)

    def authenticate(self, header: str | None, fields: dict[str, str]) -> Client:
        """By HTTP's basic authentication or by ``client_id`` and ``client_secret`` of the form; UaaError 401."""
        if header is not None:
            name, secret = _basic(header)
            if fields.get("client_id", name) != name:
                raise bad_credentials("The form's client_id is another than the header's")
        else:
            name, secret = fields.get("client_id", ""), fields.get("client_secret", "")
            if not name:
                raise no_token()
        client = self._clients.get(name)
        kept = client.config.secret if client is not None else ""
        same = hmac.compare_digest(kept.encode(), secret.encode())
        if client is None or not same:
            raise bad_credentials()
        return client


def _basic(header: str) -> tuple[str, str]:
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() != "basic":
        raise bad_credentials()
    try:
        name, colon, secret = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise bad_credentials() from None
    if not colon:
        raise bad_credentials()
    return name, secret


def _same(known: str, given: str) -> bool:
    if known == given:
        return True
    try:
        one, other = urlsplit(known), urlsplit(given)
        port = other.port
    except ValueError:
        return False
    if one.scheme != "http" or one.hostname not in LOOPBACK or port is None or other.username is not None:
        return False
    return one._replace(netloc="") == other._replace(netloc="") and one.hostname == other.hostname
