"""The CPI under check: what it declares, what it was asked, and every line that it logged."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import time
from collections.abc import Sequence

from cpi.client import CpiClient, WorkerClient
from cpi.conformance.clients import InProcess, RawExecutable
from cpi.conformance.config import Config
from cpi.contract import API_VERSION, CpiError, DeadlineExceeded, Json, MethodNotImplemented
from cpi.plugins import REQUIRED, methods

OURS = frozenset({"find", "find_all", "vm_status"})
"""Calls that no other director knows: an executable must say by itself that it has them."""
WITHOUT_VM = frozenset({"info", "create_stemcell", "delete_stemcell"})
SETTLING = 120.0
"""Seconds in which calls that were given up come to their end before the kit cleans up."""


class Subject:
    """One CPI. Calls that are in flight when a check is cut short are waited for by `settled`."""

    def __init__(self, name: str, client: CpiClient, config: Config) -> None:
        self.name = name
        self.config = config
        self.client = client
        self.declared: frozenset[str] = frozenset()
        self.strict = True
        """Whether it said what it has: then NotImplemented is no answer to a call that it declared."""
        self.version = API_VERSION
        self.versions: tuple[int, ...] = ()
        self.formats: tuple[str, ...] = ()
        self.words: list[str] = []
        """Log lines and error messages, as they came."""
        self.there_before: frozenset[str] = frozenset()
        """What the inventory listed before the check began: nothing of it is ever deleted."""
        self._honest: dict[str, bool] = {}
        self._numbers = iter(range(1, 1 << 62))
        self._flight: set[asyncio.Task[object]] = set()

    @property
    def way(self) -> str:
        """How it is reached, for people."""
        if isinstance(self.client, WorkerClient):
            return "plugin in a worker"
        return "executable" if isinstance(self.client, RawExecutable) else "plugin in this process"

    def hear(self, line: str) -> None:
        """Take a log line."""
        self.words.append(line)

    async def start(self) -> None:
        """Make it ready and ask what it is. Raises CpiError if it cannot be started."""
        await self.client.start()
        executable = isinstance(self.client, RawExecutable)
        given: object = None
        with contextlib.suppress(MethodNotImplemented):
            given = await self.call("info", version=None if executable else self.version)
        info = given if isinstance(given, dict) else {}
        version, formats, ours = info.get("api_version"), info.get("stemcell_formats"), info.get("meristem")
        self.version = min(version, API_VERSION) if isinstance(version, int) else 1
        self.formats = tuple(str(one) for one in formats) if isinstance(formats, list) else ()
        told = ours.get("capabilities") if isinstance(ours, dict) else None
        if self.config.capabilities is not None:
            self.declared = self.config.capabilities | frozenset(REQUIRED)
        elif isinstance(self.client, WorkerClient | InProcess):
            self.declared = self.client.capabilities
        elif isinstance(told, list):
            self.declared = frozenset(str(one) for one in told)
        else:
            self.declared, self.strict = frozenset(methods()) - OURS, False
        oldest = 2 if executable else 1
        self.versions = self.config.versions or tuple(range(oldest, self.version + 1))
        self.version = max(self.versions, default=self.version)

    async def call(
        self,
        method: str,
        *arguments: object,
        key: str | None = None,
        version: int | None = 0,
        deadline: float | None = None,
    ) -> object:
        """One call; `version` 0 for the newest that both speak, None to leave it out. Raises CpiError."""
        task = asyncio.create_task(
            self.client.call(
                method,
                arguments,
                self._context(method, key),
                deadline or self.config.timeout(method),
                self.hear,
                (self.version if version == 0 else version),
            )
        )
        self._flight.add(task)
        task.add_done_callback(self._landed)
        try:
            return await asyncio.shield(task)
        except CpiError as error:
            self.hear(f"{method}: {error.type_name}: {error.message}")
            raise

    def _landed(self, task: asyncio.Task[object]) -> None:
        self._flight.discard(task)
        if not task.cancelled():
            task.exception()  # nobody else asks for it when the run was cut short meanwhile

    async def made_under(self, kind: str, key: str) -> str | None:
        """What find says was made under a key. A find that answers for keys which nobody used is not believed: what it names
        may be anybody's."""
        if kind not in self._honest:
            self._honest[kind] = await self.call("find", kind, fresh_key(kind)) is None
        found = await self.call("find", kind, key) if self._honest[kind] else None
        return found if isinstance(found, str) else None

    async def lose(self, method: str, arguments: Sequence[object], key: str, after: float) -> float | None:
        """Make a call and lose its answer after so many seconds: its worker is killed, or its executable ended. What it took, if it had ended
        well before."""
        began, took = time.monotonic(), None
        if isinstance(self.client, WorkerClient):
            call = asyncio.create_task(self.call(method, *arguments, key=key))
            await asyncio.wait([call], timeout=after)
            pid = self.client.pid
            if not call.done() and pid is not None:
                os.kill(pid, signal.SIGKILL)
                while self.client.pid == pid:  # noqa: ASYNC110  the answer may have come in this very moment
                    await asyncio.sleep(0.005)
            with contextlib.suppress(CpiError):
                await call
                took = time.monotonic() - began
            return took
        with contextlib.suppress(CpiError):
            await self.call(method, *arguments, key=key, deadline=max(after, 0.001))
            took = time.monotonic() - began
        await self.settled()
        return took

    async def settled(self) -> None:
        """Until every call that was begun has come to its end, as far as that can be known."""
        if self._flight:
            await asyncio.wait(self._flight, timeout=SETTLING)
        if isinstance(self.client, InProcess):
            await self.client.settled(SETTLING)

    async def close(self) -> None:
        """End it."""
        await self.client.close()

    def _context(self, method: str, key: str | None) -> Json:
        context: dict[str, object] = {
            "director_uuid": "conformance",
            "request_id": f"cpi-{next(self._numbers):06d}",
            **self.config.properties,
        }
        if method not in WITHOUT_VM:
            context["vm"] = {"stemcell": {"api_version": self.config.stemcell_version}}
        if key is not None and "find" in self.declared:
            context["key"] = key
        return context


def fresh_key(kind: str) -> str:
    """A key as the director makes them: it names the kind, and nothing else has it."""
    return f"{kind}-{secrets.token_hex(8)}"


def is_late(error: CpiError) -> bool:
    """Whether a call was ended at its deadline."""
    return isinstance(error, DeadlineExceeded)
