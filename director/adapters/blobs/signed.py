"""Signed URLs: id, method and expiry under an HMAC, so that nothing need be kept for each."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from pathlib import Path
from urllib.parse import urlencode

from director.adapters.authority import write_private


class Signer:
    """``base_url`` is what agents reach, e.g. ``https://10.77.0.1:25251``; times are epoch seconds."""

    def __init__(self, secret: bytes, base_url: str) -> None:
        if len(secret) < 32:
            raise ValueError("the signing secret needs 32 bytes or more")
        self._secret = secret
        self.base_url = base_url.rstrip("/")

    def url(self, blob_id: str, method: str, seconds: int) -> str:
        expires = int(time.time()) + seconds
        query = urlencode(
            {"method": method, "expires": expires, "signature": self._signature(blob_id, method, expires)}
        )
        return f"{self.base_url}/blobs/{blob_id}?{query}"

    def allows(self, blob_id: str, method: str, expires: str, signature: str) -> bool:
        """Whether a request with these query values may be served now."""
        if not expires.isascii() or not expires.isdigit() or int(expires) < time.time():
            return False
        wanted = self._signature(blob_id, method, int(expires))
        return hmac.compare_digest(wanted.encode(), signature.encode())

    def _signature(self, blob_id: str, method: str, expires: int) -> str:
        return hmac.new(self._secret, f"{method}\n{blob_id}\n{expires}".encode(), hashlib.sha256).hexdigest()


def secret_file(path: Path) -> bytes:
    """The secret kept in a file (0600), made at first use; it must survive a restart, as the URLs given out do."""
    try:
        return bytes.fromhex(path.read_text().strip())
    except FileNotFoundError:
        secret = secrets.token_bytes(32)
        write_private(path, secret.hex())
        return secret
