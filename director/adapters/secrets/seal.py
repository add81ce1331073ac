"""Sealing of values (AES-256-GCM) and keyed digests (HMAC-SHA-256), both from the master key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from director.model.errors import DirectorError

_PREFIX = "s1:"
_NONCE = 12


class Sealer:
    """Seals JSON values; ``label`` (the variable's id and name) is bound to what it seals, so that rows cannot be swapped."""

    def __init__(self, master: bytes) -> None:
        self._cipher = AESGCM(_derive(master, b"seal"))
        self._mac = _derive(master, b"digest")
        self._signature = _derive(master, b"signature")

    def seal(self, value: Any, label: str) -> str:
        nonce = os.urandom(_NONCE)
        box = self._cipher.encrypt(nonce, _json(value), label.encode())
        return _PREFIX + base64.b64encode(nonce + box).decode()

    def open(self, sealed: str, label: str) -> Any:
        """Raises `DirectorError` when the text was sealed under another key or label, or is damaged."""
        try:
            raw = base64.b64decode(sealed.removeprefix(_PREFIX), validate=True)
            return json.loads(self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], label.encode()))
        except (InvalidTag, ValueError) as error:
            message = f"The stored value of variable '{label.partition(' ')[2]}' cannot be opened"
            remedy = "It was sealed under another master key, or is damaged: restore the key file, or set it anew."
            raise DirectorError(message, code=540003, remedy=remedy) from error

    def digest(self, value: Any) -> str:
        """Equal for equal values; tells nothing without the key."""
        return hmac.new(self._mac, _json(value), hashlib.sha256).hexdigest()

    def sign(self, purpose: str, text: bytes) -> str:
        """Of bytes, for one purpose: what was signed for another does not pass."""
        return hmac.new(self._signature, purpose.encode() + b"\0" + text, hashlib.sha256).hexdigest()


def _derive(master: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, None, b"meristem variables " + purpose).derive(master)


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
