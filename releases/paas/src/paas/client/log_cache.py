"""Lines of apps, from the log cache."""

from __future__ import annotations

import base64
import time
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx2

from paas.client.errors import ClientError
from paas.client.settings import Settings, save
from paas.client.uaa import Uaa

LIMIT = 1000
LEAST_PAUSE, MOST_PAUSE = 0.25, 1.0


@dataclass(frozen=True)
class Line:
    """`at` in nanoseconds since 1970."""

    at: int
    source: str
    instance: str
    stream: str
    text: str

    def __str__(self) -> str:
        moment = datetime.fromtimestamp(self.at / 1e9, UTC).astimezone()
        told = f"{moment:%Y-%m-%dT%H:%M:%S}.{self.at // 10_000_000 % 100:02}{moment:%z}"
        return f"{told} [{self.source}/{self.instance}] {self.stream} {self.text}"


class LogCache:
    """ClientError where it is away or refuses."""

    def __init__(self, client: httpx2.Client, settings: Settings, uaa: Uaa) -> None:
        self._http = client
        self._settings = settings
        self._uaa = uaa

    def recent(self, app: str) -> list[Line]:
        """The last thousand, oldest first."""
        return self._read(app, {"descending": "true", "start_time": str(-(2**62))})[::-1]

    def since(self, app: str, at: int) -> list[Line]:
        """From that moment on."""
        return self._read(app, {"start_time": str(at)})

    def follow(self, app: str, at: int) -> Generator[Line]:
        """New lines as they come, without end."""
        pause = LEAST_PAUSE
        while True:
            lines = self.since(app, at)
            yield from lines
            if lines:
                at, pause = lines[-1].at + 1, LEAST_PAUSE
                if len(lines) == LIMIT:
                    continue
            time.sleep(pause)
            pause = min(pause * 1.3, MOST_PAUSE)

    def _read(self, app: str, query: dict[str, str]) -> list[Line]:
        if not (url := self._settings.links.get("log_cache")):
            raise ClientError("The platform has no log cache.")
        for again in (True, False):
            try:
                answer = self._http.get(
                    f"{url.rstrip('/')}/api/v1/read/{app}",
                    params={"limit": str(LIMIT), "envelope_types": "LOG", **query},
                    headers={"Authorization": f"bearer {self._settings.access_token}"},
                )
            except httpx2.TransportError as error:
                raise ClientError(f"The log cache is away: {error}", "Try again in a moment.") from None
            if answer.status_code == 401 and again and self._uaa.refresh():
                save(self._settings)
                continue
            if answer.status_code != 200:
                raise ClientError(f"The log cache refuses with status {answer.status_code}.")
            return [_line(one) for one in answer.json()["envelopes"]["batch"] if "log" in one]
        return []


def _line(envelope: dict[str, object]) -> Line:
    log, tags = envelope["log"], envelope.get("tags")
    assert isinstance(log, dict)
    named = tags if isinstance(tags, dict) else {}
    return Line(
        at=int(str(envelope["timestamp"])),
        source=str(named.get("source_type", "APP")),
        instance=str(envelope.get("instance_id", "0")),
        stream=str(log.get("type", "OUT")),
        text=base64.b64decode(str(log.get("payload", ""))).decode(errors="replace").rstrip("\n"),
    )
