"""Settings from a metadata service."""

from __future__ import annotations

import time
import urllib.error
import urllib.parse
import urllib.request

from agent.errors import SettingsError
from agent.settings.source import decode
from agent.shapes import Json

_ATTEMPTS = 10
_SESSION_SECONDS = "300"


class HttpSource:
    """Source types HTTP (UserDataPath) and InstanceMetadata (SettingsPath)."""

    def __init__(self, uri: str, path: str, headers: dict[str, str], token_path: str = "", pause: float = 1.0) -> None:
        self._uri = uri.rstrip("/")
        self._path = path
        self._headers = headers
        self._token_path = token_path
        self._pause = pause

    @property
    def place(self) -> str:
        return f"metadata service {self._uri}{self._path}"

    def read(self) -> Json:
        if urllib.parse.urlsplit(self._uri).scheme not in ("http", "https"):
            raise SettingsError(f"{self.place}: expected an http or https URI")
        last = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(self._pause)
            try:
                headers = dict(self._headers)
                if self._token_path:
                    life = {"X-aws-ec2-metadata-token-ttl-seconds": _SESSION_SECONDS}
                    headers["X-aws-ec2-metadata-token"] = self._ask("PUT", self._token_path, life).decode()
                return decode(self._ask("GET", self._path, headers), self.place)
            except OSError as error:
                last = str(error)
                if isinstance(error, urllib.error.HTTPError) and error.code == 404:
                    break
        raise SettingsError(f"{self.place}: {last}")

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> bytes:
        request = urllib.request.Request(self._uri + path, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bytes(answer.read())
