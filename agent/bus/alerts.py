"""monit's mails, received on loopback and turned into alerts (agent protocol, section 7)."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import time
from collections.abc import Callable

from agent.shapes import Json

log = logging.getLogger(__name__)

_FIELD = re.compile(r"^(Service|Event|Action|Date|Description):\s*(.*)$", re.MULTILINE)
_DROPPED = re.compile(r"succeeded|not changed|action done", re.IGNORECASE)
_LONGEST_MAIL = 64 << 10

# Severity: 1 alert, 2 critical, 3 error, 4 warning.
_SEVERITY = {
    "action failed": 1,
    "checksum failed": 2,
    "connection failed": 1,
    "data access error": 3,
    "does not exist": 1,
    "execution failed": 1,
    "filesystem flags failed": 3,
    "gid failed": 3,
    "icmp failed": 1,
    "invalid type": 3,
    "monit instance changed": 4,
    "pid failed": 2,
    "permission failed": 3,
    "ppid failed": 2,
    "resource limit matched": 3,
    "size failed": 3,
    "timeout": 2,
    "timestamp failed": 3,
    "uid failed": 2,
}
_UNKNOWN = 2


def alert_from(mail: str, addresses: list[str]) -> Json | None:
    """The alert in a mail of monit; None for one that is not worth telling."""
    fields = dict(_FIELD.findall(mail.replace("\r\n", "\n")))
    event = fields.get("Event", "").strip()
    if not fields.get("Service") or _DROPPED.search(event):
        return None
    service, action = fields["Service"].strip(), fields.get("Action", "").strip()
    place = f"{service} ({', '.join(sorted(addresses))})" if addresses else service
    digest = hashlib.sha1(f"{time.time_ns()}{mail}".encode(), usedforsecurity=False).hexdigest()
    return {
        "id": digest,
        "severity": _SEVERITY.get(event.lower(), _UNKNOWN),
        "title": f"{place} - {event} - {action}",
        "summary": fields.get("Description", "").strip(),
        "created_at": int(time.time()),
    }


class MailListener:
    """As much of SMTP as monit speaks."""

    def __init__(self, on_mail: Callable[[str], None]) -> None:
        self._on_mail = on_mail

    async def serve(self, port: int) -> asyncio.Server | None:
        """Listen on loopback; None (and a warning) if the port is taken: alerts are lost then, nothing else."""
        try:
            return await asyncio.start_server(self._session, "127.0.0.1", port)
        except OSError as error:
            log.warning("monit's alerts are not received: port %d: %s", port, error.strerror)
            return None

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"220 localhost ESMTP\r\n")
            while line := await asyncio.wait_for(reader.readline(), 60):
                verb = line[:4].upper().strip()
                if verb == b"DATA":
                    writer.write(b"354 go ahead\r\n")
                    await writer.drain()
                    raw = await asyncio.wait_for(reader.readuntil(b"\r\n.\r\n"), 60)
                    self._on_mail(raw[:_LONGEST_MAIL].decode(errors="replace"))
                    writer.write(b"250 OK\r\n")
                elif verb == b"QUIT":
                    writer.write(b"221 bye\r\n")
                    break
                elif verb in (b"HELO", b"EHLO", b"MAIL", b"RCPT", b"RSET", b"NOOP"):
                    writer.write(b"250 OK\r\n")
                else:
                    writer.write(b"502 not implemented\r\n")
                await writer.drain()
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            log.debug("mail session ended: %s", error)
        finally:
            writer.close()
