"""GET and PUT of blobs over HTTPS, streamed."""

from __future__ import annotations

import errno
import http.client
import logging
import ssl
import time
import urllib.parse
from collections.abc import Mapping
from pathlib import Path

from agent.errors import BlobError

log = logging.getLogger(__name__)

_CHUNK = 1 << 18
_ATTEMPTS = 4
_PATIENCE = 120.0
_LONGEST_PAUSE = 2.0
_NO_WAY = (errno.EHOSTUNREACH, errno.ENETUNREACH)
_TIMEOUT = 60.0


class Transfer:
    """Speaks to blob servers; ``ca`` (PEM) replaces the system's trust when given.

    A server that is away (the director restarts, another one takes over) is waited for, ``patience`` seconds at most.
    """

    def __init__(self, ca: str = "", first_pause: float = 0.5, patience: float = _PATIENCE) -> None:
        self._ca = ca
        self._first_pause = first_pause
        self._patience = patience
        self._context: ssl.SSLContext | None = None

    def get(self, url: str, headers: Mapping[str, str], target: Path) -> None:
        """Write the body to ``target``. Raises BlobError."""
        self._attempt("GET", url, headers, target)

    def put(self, url: str, headers: Mapping[str, str], source: Path) -> None:
        """Send the file ``source`` as body. Raises BlobError."""
        self._attempt("PUT", url, headers, source)

    def _attempt(self, method: str, url: str, headers: Mapping[str, str], path: Path) -> None:
        pause = self._first_pause
        began = time.monotonic()
        attempt = answered = 0
        while True:
            attempt += 1
            away = False
            try:
                status = self._once(method, url, headers, path)
            except (OSError, http.client.HTTPException) as error:
                problem = str(error) or type(error).__name__
                away = isinstance(error, (ConnectionError, TimeoutError)) or getattr(error, "errno", None) in _NO_WAY
            else:
                if status < 300:
                    return
                problem = f"HTTP status {status}"
                if status < 500 and status not in (408, 429):
                    raise BlobError(f"{method} {_public(url)}: {problem}")
            answered += not away
            if answered >= _ATTEMPTS or (away and time.monotonic() - began > self._patience):
                raise BlobError(f"{method} {_public(url)}: {problem}, after {attempt} attempts")
            log.warning("%s %s: %s; attempt %d follows", method, _public(url), problem, attempt + 1)
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _once(self, method: str, url: str, headers: Mapping[str, str], path: Path) -> int:
        parts = urllib.parse.urlsplit(url)
        connection = self._connect(parts)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        try:
            if method == "PUT":
                with open(path, "rb") as body:
                    size = str(path.stat().st_size)
                    connection.request("PUT", target, body=body, headers={**headers, "Content-Length": size})
                    answer = connection.getresponse()
                    answer.read()
                    return answer.status
            connection.request("GET", target, headers=dict(headers))
            answer = connection.getresponse()
            if answer.status >= 300:
                answer.read()
                return answer.status
            expected = answer.length
            written = 0
            with open(path, "wb") as file:
                while chunk := answer.read(_CHUNK):
                    file.write(chunk)
                    written += len(chunk)
            if expected is not None and written != expected:
                raise http.client.IncompleteRead(b"", expected - written)
            return answer.status
        finally:
            connection.close()

    def _connect(self, parts: urllib.parse.SplitResult) -> http.client.HTTPConnection:
        if not parts.hostname or parts.scheme not in ("http", "https"):
            raise BlobError(f"blob URL {parts.scheme}://{parts.hostname}: expected https://host[:port]/path")
        if parts.scheme == "http":
            return http.client.HTTPConnection(parts.hostname, parts.port, timeout=_TIMEOUT)
        if self._context is None:
            self._context = ssl.create_default_context(cadata=self._ca or None)
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=_TIMEOUT, context=self._context)


def _public(url: str) -> str:
    # The query carries the signature.
    return url.partition("?")[0]
