"""Secrets at rest: AES-256-GCM under a key that is derived from the configuration; several keys may open, one seals."""

from __future__ import annotations

import base64
import os
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12
KEY_BYTES = 32


class Encryption(msgspec.Struct, frozen=True, kw_only=True):
    """`keys`: label -> passphrase; what is written is sealed under `current`, the others open what is older."""

    current: str
    keys: dict[str, str]


class SealError(Exception):
    """What was sealed cannot be opened: its key is not configured, or it was changed."""


class Sealer:
    """Seals JSON documents into texts ``LABEL:BASE64``; the empty text stands for nothing."""

    def __init__(self, config: Encryption) -> None:
        if config.current not in config.keys:
            raise SealError(f"encryption.current is {config.current!r}, which encryption.keys does not have")
        if weak := [label for label, key in config.keys.items() if len(key) < 16 or ":" in label]:
            raise SealError(f"encryption.keys: {weak[0]!r}: a key has 16 characters at least, its label no colon")
        self._current = config.current
        self._keys = {label: _derived(key) for label, key in config.keys.items()}

    def seal(self, document: Any) -> str:
        """The document under the current key; an empty one is the empty text."""
        if not document:
            return ""
        nonce = os.urandom(NONCE_BYTES)
        label = self._current
        sealed = self._keys[label].encrypt(nonce, msgspec.json.encode(document), label.encode())
        return f"{label}:{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str) -> Any:
        """The document again; an empty object for the empty text."""
        if not sealed:
            return {}
        label, _, body = sealed.partition(":")
        key = self._keys.get(label)
        if key is None:
            raise SealError(f"a secret was sealed under key {label!r}, which encryption.keys does not have any more")
        raw = base64.b64decode(body)
        try:
            return msgspec.json.decode(key.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], label.encode()))
        except InvalidTag:
            raise SealError(
                f"a secret cannot be opened: key {label!r} is another one now, or the row was changed"
            ) from None


def _derived(passphrase: str) -> AESGCM:
    derivation = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"cloud_controller at rest")
    return AESGCM(derivation.derive(passphrase.encode()))
