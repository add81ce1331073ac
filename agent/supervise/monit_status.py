"""monit's status over HTTP."""

from __future__ import annotations

import base64
import http.client
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

from agent.supervise.port import FAILING, RUNNING, STARTING, Service, Unreachable

_SYSTEM = "5"


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


@dataclass(frozen=True)
class MonitReport:
    """One answer. ``incarnation`` is the second of monit's last start or reload."""

    incarnation: int
    services: list[MonitService]


class MonitStatus:
    """Reads /_status of monit's HTTP server."""

    def __init__(self, port: int, user: str, password: str, host: str = "127.0.0.1") -> None:
        self._host = host
        self._port = port
        self._headers = {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}

    def read(self) -> MonitReport:
        """What monit knows now. Raises Unreachable."""
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


def parse(body: bytes) -> MonitReport:
    """A report from monit's XML, which says nothing of groups. The VM itself, a service to monit, is left out."""
    root = ElementTree.fromstring(body)  # noqa: S314 (from monit on loopback, after its password)
    found = [
        MonitService(
            name=entry.findtext("name") or "",
            status=int(entry.findtext("status") or 0),
            monitored=int(entry.findtext("monitor") or 0),
            pending=int(entry.findtext("pendingaction") or 0),
            uptime=int(entry.findtext("uptime") or 0),
            memory_kb=int(entry.findtext("memory/kilobytetotal") or 0),
            memory_percent=float(entry.findtext("memory/percenttotal") or 0),
            cpu_percent=float(entry.findtext("cpu/percenttotal") or 0),
        )
        for entry in root.findall("service")
        if entry.get("type") != _SYSTEM
    ]
    return MonitReport(int(root.findtext("server/incarnation") or 0), found)
