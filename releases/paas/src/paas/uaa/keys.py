"""The keys that sign tokens: one is active, all are published, so that keys can be changed while tokens of the old one live."""

from __future__ import annotations

from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from paas.serve.config import ConfigError
from paas.tokens.errors import TokenInvalidError
from paas.tokens.verify import ALGORITHM, payload_of
from paas.uaa.config import UaaConfig

SMALLEST = 2048


class SigningKeys:
    """By name; made of the configuration."""

    def __init__(self, config: UaaConfig) -> None:
        self._keys = {name: _read(name, pem) for name, pem in config.keys.items()}
        self._active = config.active_key

    def sign(self, payload: bytes) -> str:
        """A compact JWS by the active key."""
        header = {"alg": ALGORITHM, "kid": self._active, "typ": "JWT"}
        return jws.serialize_compact(header, payload, self._keys[self._active], algorithms=[ALGORITHM])

    def payload(self, token: str) -> dict[str, Any]:
        """What one of our tokens says, however old; TokenInvalidError."""
        try:
            name = jws.extract_compact(token.encode()).headers().get("kid")
        except (JoseError, ValueError, TypeError, AttributeError):
            raise TokenInvalidError("The token is malformed") from None
        if not isinstance(name, str) or name not in self._keys:
            raise TokenInvalidError("The token is signed by a key that is not known")
        return payload_of(token, self._keys[name])

    def active(self) -> dict[str, Any]:
        """The active public key, as UAA shows one."""
        return self._shown(self._active)

    def all(self) -> list[dict[str, Any]]:
        """All public keys, the active one first."""
        others = [name for name in self._keys if name != self._active]
        return [self._shown(name) for name in [self._active, *others]]

    def _shown(self, name: str) -> dict[str, Any]:
        key = self._keys[name]
        return {
            **key.as_dict(private=False),
            "kid": name,
            "use": "sig",
            "alg": ALGORITHM,
            "value": key.as_pem(private=False).decode().strip(),
        }


def _read(name: str, pem: str) -> RSAKey:
    try:
        key = RSAKey.import_key(pem, {"kid": name})
    except (JoseError, ValueError, TypeError):
        raise ConfigError(f"keys.{name} is no RSA key in PEM") from None
    if not key.is_private:
        raise ConfigError(f"keys.{name} is a public key; give the private one")
    if key.raw_value.key_size < SMALLEST:
        raise ConfigError(f"keys.{name} has {key.raw_value.key_size} bits; {SMALLEST} is the least")
    return key
