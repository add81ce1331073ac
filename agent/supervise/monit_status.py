"""monit's status over HTTP."""

from __future__ import annotations

import base64
import http.client
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

from agent.supervise.port import FAILING, RUNNING, STARTING, Service, Unreachable

GROUP = "vcap"


@dataclass(frozen=True)
class MonitService:
    """One service as monit sees it. ``monitored``: 0 no, 1 yes, 2 initialising."""

    name: str
    status: int
    monitored: int
    pending: int
    uptime: int
    memory_kb: int
    memory_percent: float
    cpu_percent: float

    @property
    def state(self) -> str:
        """Only status 0, monitored and nothing pending is running: during a restart monit still reports status 0."""
        if self.monitored == 2 or (self.monitored == 1 and self.pending != 0):
            return STARTING
        return RUNNING if self.status == 0 and self.monitored == 1 else FAILING

    def as_service(self) -> Service:
        return Service(self.name, self.state, self.uptime, self.memory_kb, self.memory_percent, self.cpu_percent)


class MonitStatus:
    """Reads /_status of monit's HTTP server."""

    def __init__(self, port: int, user: str, password: str, host: str = "127.0.0.1") -> None:
        self._host = host
        self._port = port
        self._headers = {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}

    def services(self) -> list[MonitService]:
        """The services of group vcap. Raises Unreachable."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=5)
        try:
            connection.request("GET", "/_status?format=xml", headers=self._headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise Unreachable(f"monit answers with HTTP status {answer.status}")
            return parse(body)
        except (OSError, http.client.HTTPException, ElementTree.ParseError) as error:
            raise Unreachable(f"monit cannot be asked at {self._host}:{self._port}: {error}") from None
        finally:
            connection.close()


def parse(body: bytes) -> list[MonitService]:
    """The services of group vcap in monit's XML."""
    root = ElementTree.fromstring(body)  # noqa: S314 (from monit on loopback, after its password)
    members = {
        name.text for group in root.iter("servicegroup") if group.get("name") == GROUP for name in group.iter("service")
    }
    found: list[MonitService] = []
    for entry in root.findall("service"):
        name = entry.findtext("name") or entry.get("name") or ""
        if name in members:
            found.append(
                MonitService(
                    name=name,
                    status=int(entry.findtext("status") or 0),
                    monitored=int(entry.findtext("monitor") or 0),
                    pending=int(entry.findtext("pendingaction") or 0),
                    uptime=int(entry.findtext("uptime") or 0),
                    memory_kb=int(entry.findtext("memory/kilobytetotal") or 0),
                    memory_percent=float(entry.findtext("memory/percenttotal") or 0),
                    cpu_percent=float(entry.findtext("cpu/percenttotal") or 0),
                )
            )
    return found
