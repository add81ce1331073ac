"""Signed addresses, as nginx's secure_link checks them: whoever has one may do one thing with one blob until it expires.

Source: the documentation of ngx_http_secure_link_module.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Literal
from urllib.parse import urlsplit

from paas.blobs.key import checked_key

Method = Literal["GET", "PUT"]
SIGNED = "/signed/"
"""Path of signed requests; HEAD goes by the signature of GET."""
EXPRESSION = "$secure_link_expires $link_method $uri"
"""What nginx digests, before a space and the secret."""
_SECRET = re.compile(r"[A-Za-z0-9_-]{16,256}")


def checked_secret(secret: str) -> str:
    """The secret itself; ValueError for one that a configuration of nginx cannot hold, or that is too short."""
    if not _SECRET.fullmatch(secret):
        raise ValueError("the blobstore's secret must be 16 to 256 letters, digits, '-' and '_'")
    return secret


def signed_url(base: str, method: Method, key: str, expires: int, secret: str) -> str:
    """The absolute address of `key` at `base`, good for `method` until `expires` (seconds since 1970)."""
    path = SIGNED + checked_key(key)
    whole = urlsplit(base).path.rstrip("/") + path
    digest = hashlib.md5(f"{expires} {method} {whole} {secret}".encode(), usedforsecurity=False).digest()
    signature = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return f"{base.rstrip('/')}{path}?md5={signature}&expires={expires}"
