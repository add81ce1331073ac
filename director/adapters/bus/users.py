"""nats-server's file of users: written by atomic rename, put in force by SIGHUP (no client is dropped by that)."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

from director.adapters.authority import write_private
from director.adapters.bus import names
from director.model.errors import DirectorError, Place

_AGENT = re.compile(r"CN=(?P<id>.+?)(?:\.bootstrap)?\.agent\.bosh-internal$")


class UsersFile:
    """Who the server lets in: director, monitor, and the agents admitted so far (read back from the file at first).

    Safe to use from several threads. When it is ``shared`` by several directors, each change is made to what the file says by then, under
    a lock file beside it, and nobody throws out agents that it does not know.
    """

    def __init__(self, path: Path, pid_file: Path | None, *, shared: bool = False) -> None:
        self.path = path
        self._pid_file = pid_file
        self._shared = shared
        self._agents: set[str] = self._read()
        self._writing = threading.Lock()

    @property
    def agents(self) -> frozenset[str]:
        return frozenset(self._agents)

    def ensure(self) -> None:
        """Write the file if there is none: the server's configuration includes it."""
        if not self.path.exists():
            self._write()

    def admit(self, agent_ids: Iterable[str]) -> bool:
        """Add these; one write and one reload for all. False when all were in already."""
        with self._changing():
            return self._set(self._agents | set(agent_ids))

    def expel(self, agent_ids: Iterable[str]) -> bool:
        """Remove these; the server closes their connections."""
        with self._changing():
            return self._set(self._agents - set(agent_ids))

    def replace(self, agent_ids: Iterable[str]) -> bool:
        """Exactly these: what the store says at start. With other directors at work these too, for theirs may not be in the store yet."""
        with self._changing():
            return self._set(set(agent_ids) | (self._agents if self._shared else set()))

    def reload(self) -> None:
        """SIGHUP to the server; quiet when it does not run (it reads the file when it starts)."""
        if self._pid_file is None:
            return
        try:
            pid = int(self._pid_file.read_text().strip())
        except FileNotFoundError:
            return
        except (OSError, ValueError):
            raise DirectorError(
                "Cannot read the process id of nats-server",
                place=Place(str(self._pid_file)),
                remedy="meristem.nats.pid_file must name the file in nats-server's own pid_file setting.",
            ) from None
        if not _is_nats_server(pid):
            return
        try:
            os.kill(pid, signal.SIGHUP)
        except ProcessLookupError:
            return
        except PermissionError:
            raise DirectorError(
                f"Not allowed to reload nats-server (process {pid})",
                place=Place(str(self._pid_file)),
                remedy="Run the director as the user of nats-server, or leave meristem.nats.users_file to a sync process.",
            ) from None

    @contextmanager
    def _changing(self) -> Generator[None]:
        with self._writing:
            if not self._shared:
                yield
                return
            with self.path.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._agents = self._read()
                yield

    def _set(self, agents: set[str]) -> bool:
        if agents == self._agents and self.path.exists():
            return False
        before, self._agents = self._agents, agents
        try:
            self._write()
        except OSError as error:
            self._agents = before
            raise DirectorError(
                f"Cannot write the bus' users: {error.strerror}", place=Place(str(self.path))
            ) from error
        self.reload()
        return True

    def _write(self) -> None:
        users = [names.director_user(), names.monitor_user()]
        for agent_id in sorted(self._agents):
            users += names.agent_users(agent_id)
        write_private(self.path, json.dumps({"authorization": {"users": users}}, indent=1), mode=0o640)

    def _read(self) -> set[str]:
        try:
            users = json.loads(self.path.read_text())["authorization"]["users"]
            found = (_AGENT.search(one["user"]) for one in users)
            return {match["id"] for match in found if match}
        except (OSError, ValueError, KeyError, TypeError):
            return set()


def _is_nats_server(pid: int) -> bool:
    # a pid file may outlive its process, and the number may have gone to another one, for which SIGHUP is deadly
    try:
        return b"nats-server" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    except OSError:
        return False
