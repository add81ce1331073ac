"""The ways to reach a CPI: a plugin in this process, a plugin in a worker of its own, an executable."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from cpi import plugins, wire
from cpi.bridge import SEARCH_PATH, ExecutableClient
from cpi.client import CpiClient, LogSink, WorkerClient, request_id
from cpi.contract import Call, CpiError, DeadlineExceeded, Facts, Json, ignore_log
from cpi.dispatch import invoke
from cpi.settings import RESERVED


class InProcess:
    """`cpi.client.CpiClient` for a plugin in this very process: quick, and for plugins that are being written.

    A call that does not end in its time is left to itself, as nobody can end a thread.
    """

    def __init__(self, plugin: plugins.Plugin, *, log: LogSink = ignore_log) -> None:
        self.plugin = plugin
        self._log = log
        self._left: set[asyncio.Task[object]] = set()

    @property
    def capabilities(self) -> frozenset[str]:
        """What the plugin implements."""
        return self.plugin.capabilities

    async def start(self) -> None:
        """Nothing to start."""

    async def call(
        self,
        method: str,
        arguments: Sequence[object] = (),
        context: Json | None = None,
        deadline: float | None = None,
        log: LogSink | None = None,
        api_version: int | None = 2,
    ) -> object:
        """See CpiClient."""
        given = context or {}
        key = given.get("key")
        call = Call(
            method=method,
            properties={name: value for name, value in given.items() if name not in RESERVED},
            key=key if isinstance(key, str) else None,
            request_id=str(request_id(given)),
            director_uuid=str(given.get("director_uuid", "")),
            api_version=api_version or 2,
            expires=None if deadline is None else time.monotonic() + deadline,
            log=log or self._log,
        )
        task = asyncio.create_task(asyncio.to_thread(self.answer, call, list(arguments)))
        self._left.add(task)
        task.add_done_callback(self._left.discard)
        done, _ = await asyncio.wait([task], timeout=deadline)
        if not done:
            raise DeadlineExceeded(f"{method} did not end within {deadline:g} s", facts=Facts(method=method))
        return wire.read_response(method, call.request_id, task.result())

    async def close(self) -> None:
        """Calls that were given up are left to themselves."""

    async def settled(self, seconds: float) -> None:
        """Until the calls that were given up have ended, or so much time has passed."""
        if self._left:
            await asyncio.wait(self._left, timeout=seconds)

    def answer(self, call: Call, arguments: Sequence[object]) -> object:
        """The response as it would stand on the wire."""
        plain = cast("list[object]", json.loads(json.dumps(list(arguments))))
        try:
            result = json.loads(json.dumps(invoke(self.plugin, call, plain)))
        except CpiError as error:
            error.facts = replace(error.facts, method=call.method, request_id=call.request_id)
            return {"result": None, "error": wire.error_to_wire(error), "log": ""}
        except Exception as error:  # a plugin's own fault must still become a response
            failed = CpiError(f"CPI '{self.plugin.name}' failed in {call.method}: {type(error).__name__}: {error}")
            return {"result": None, "error": wire.error_to_wire(failed), "log": ""}
        return {"result": cast(object, result), "error": None, "log": ""}


class RawExecutable(ExecutableClient):
    """An executable whose log is taken as it is: nothing is blotted out before the kit looks for secrets."""

    async def _run(
        self, method: str, request: bytes, known: frozenset[str], seconds: float, log: LogSink
    ) -> tuple[bytes, int]:
        return await super()._run(method, request, frozenset(), seconds, log)


def client_of(name: str, environment: Mapping[str, str], log: LogSink, *, in_process: bool = False) -> CpiClient:
    """A path names an executable; anything else a plugin, as in director.yml."""
    if "/" in name:
        base = {key: os.environ[key] for key in ("TMPDIR", "HOME") if key in os.environ}
        return RawExecutable(Path(name).absolute(), environment={"PATH": SEARCH_PATH, **base, **environment}, log=log)
    if in_process:
        return InProcess(plugins.load(name), log=log)
    paths = os.pathsep.join(path for path in sys.path if path)  # what can be imported here, the worker can too
    return WorkerClient(name, environment={**os.environ, "PYTHONPATH": paths, **environment}, log=log)
