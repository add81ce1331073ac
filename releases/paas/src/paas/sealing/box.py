"""A box that seals texts: AES-256-GCM, the key derived from a long random secret, bound to where the text belongs."""

from __future__ import annotations

import base64
import os
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from paas.serve.config import ConfigError

NONCE_BYTES = 12
LEAST_SECRET = 16


class SealError(ConfigError):
    """A sealed text cannot be opened, or a secret is too short to seal with."""


class Box:
    """Seals under the first of `secrets`, opens what any of them sealed: a new secret goes in front of the old one."""

    def __init__(self, secrets: list[str]) -> None:
        if not secrets or any(len(secret) < LEAST_SECRET for secret in secrets):
            raise SealError(f"a secret for sealing has at least {LEAST_SECRET} characters; give a generated password")
        self._keys = [_key(secret) for secret in secrets]

    def seal(self, text: str, place: str) -> str:
        """Base64 of nonce and ciphertext; it opens only for the same `place`, so that nobody can swap two of them."""
        nonce = os.urandom(NONCE_BYTES)
        return base64.b64encode(nonce + self._keys[0].encrypt(nonce, text.encode(), place.encode())).decode()

    def open(self, sealed: str, place: str) -> str:
        """The text; SealError where no secret fits."""
        try:
            raw = base64.b64decode(sealed, validate=True)
        except ValueError:
            raise SealError(f"what is sealed at {place} is damaged") from None
        for key in self._keys:
            try:
                return key.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place.encode()).decode()
            except (InvalidTag, ValueError):
                continue
        raise SealError(f"what is sealed at {place} opens with none of the secrets given; was the secret replaced?")

    def seal_json(self, value: Any, place: str) -> str:
        """A value of JSON, sealed."""
        return self.seal(msgspec.json.encode(value).decode(), place)

    def open_json(self, sealed: str, place: str) -> Any:
        """The value that was sealed by `seal_json`."""
        return msgspec.json.decode(self.open(sealed, place))


def _key(secret: str) -> AESGCM:
    # the secret is random, not a word a person chose: it needs spreading, not stretching
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=b"paas sealed texts").derive(secret.encode()))
