"""Asyncio client of a CPI: of a warm worker here, of a one-shot executable in `cpi.bridge`; one interface for both."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

import msgspec

from cpi import redact, settings, wire
from cpi.contract import DeadlineExceeded, Facts, InvalidResponse, Json, WorkerDied, ignore_log
from cpi.warden import Warden

LogSink = Callable[[str], None]
LINE_LIMIT = 64 * 1024 * 1024
DEFAULT_DEADLINE = 1800.0
GRACE = 5.0
"""Seconds after its deadline in which a worker must have answered; one that does not is hung and is killed."""
START_TIMEOUT = 30.0
CLOSE_TIMEOUT = 30.0


class CpiClient(Protocol):
    """One CPI. All methods may be used from several tasks at once."""

    async def start(self) -> None:
        """Make it ready; PluginError, SettingsError or WorkerDied say why it cannot be."""
        ...

    async def call(
        self,
        method: str,
        arguments: Sequence[object] = (),
        context: Json | None = None,
        deadline: float | None = None,
        log: LogSink | None = None,
        api_version: int | None = 2,
    ) -> object:
        """The `result` of one call. `deadline` in seconds. Raises the errors of `cpi.contract`."""
        ...

    async def close(self) -> None:
        """Let the calls in flight end, then end the process."""
        ...


class WorkerClient:
    """Client of a warm worker process; starts it again when it has crashed."""

    def __init__(
        self,
        plugin: str,
        *,
        config: Path | None = None,
        lock: Path | None = None,
        prefix: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        threads: int | None = None,
        log: LogSink = ignore_log,
        warden: Warden | None = None,
    ) -> None:
        """`prefix` is put before the command (e.g. nsenter); `log` gets stderr lines, which belong to no call."""
        self.plugin = plugin
        self.capabilities: frozenset[str] = frozenset()
        self._command = [*prefix, sys.executable, "-m", "cpi.worker", plugin]
        self._command += ["--threads", str(threads)] if threads is not None else []
        self._command += ["--config", str(config.absolute())] if config else []
        self._command += ["--lock", str(lock.absolute())] if lock else []
        self._environment = environment
        self._log = log
        self._warden = warden
        self._secrets = redact.secrets(settings.read(config, plugin)) if config else frozenset[str]()
        self._process: Process | None = None
        self._starting = asyncio.Lock()
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Process id of the worker that runs now."""
        return self._process.pid if self._process is not None and self._process.alive else None

    async def start(self) -> None:
        """Start the worker unless it runs."""
        await self._running()

    async def call(
        self,
        method: str,
        arguments: Sequence[object] = (),
        context: Json | None = None,
        deadline: float | None = None,
        log: LogSink | None = None,
        api_version: int | None = 2,
    ) -> object:
        """See CpiClient. WorkerDied and DeadlineExceeded leave the effect unknown unless `facts.started` is False."""
        process = await self._running()
        request: dict[str, object] = {
            "method": method,
            "arguments": list(arguments),
            "context": dict(context or {}),
            "api_version": api_version or 2,
            "deadline": DEFAULT_DEADLINE if deadline is None else deadline,
        }
        response = await process.ask(request, log or self._log)
        return wire.read_response(method, str(request_id(context)), response)

    async def close(self) -> None:
        """Let calls in flight end (at most CLOSE_TIMEOUT), then end the worker."""
        self._closed = True
        async with self._starting:
            if self._process is not None:
                await self._process.close()

    async def _running(self) -> Process:
        if self._process is not None and self._process.alive and not self._closed:
            return self._process
        async with self._starting:
            if self._closed:
                raise WorkerDied(f"the client of CPI '{self.plugin}' is closed", facts=Facts(started=False))
            if self._process is None or not self._process.alive:
                if self._process is not None:
                    await self._process.gone()
                if self._warden is not None:
                    self._warden.check()
                process = await Process.spawn(
                    self.plugin, self._command, self._environment, self._log, self._secrets, self._warden
                )
                self.capabilities = process.capabilities
                self._process = process
            return self._process


def request_id(context: Json | None) -> object:
    """The request id in a context, empty if there is none."""
    return (context or {}).get("request_id", "")


def environment_with_package(given: Mapping[str, str] | None) -> dict[str, str]:
    """The environment in which `python -m cpi...` finds this package wherever it is started."""
    environment = dict(os.environ if given is None else given)
    root = str(Path(__file__).resolve().parent.parent)
    paths = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    environment["PYTHONPATH"] = os.pathsep.join([root, *(path for path in paths if path != root)])
    return environment


class Pending:
    """A call that waits for its answer."""

    def __init__(self, method: str, log: LogSink, future: asyncio.Future[Json]) -> None:
        self.method = method
        self.log = log
        self.future = future


class Process:
    """One worker process from its start to its death."""

    def __init__(
        self,
        plugin: str,
        child: asyncio.subprocess.Process,
        log: LogSink,
        known: frozenset[str],
        warden: Warden | None,
    ) -> None:
        if warden is not None:
            warden.add(child.pid, finishes=True)
        self._warden = warden
        self._plugin = plugin
        self._child = child
        self._log = log
        self._ids = itertools.count(1)
        self._pending: dict[int, Pending] = {}
        self._ready: asyncio.Future[frozenset[str]] = asyncio.get_running_loop().create_future()
        self._last_words: list[str] = []
        self._secrets: frozenset[str] = known
        self.capabilities: frozenset[str] = frozenset()
        self.alive = True
        self._errors = asyncio.create_task(self._read_errors())
        self._reader = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        """Process id."""
        return self._child.pid

    @classmethod
    async def spawn(
        cls,
        plugin: str,
        command: Sequence[str],
        environment: Mapping[str, str] | None,
        log: LogSink,
        known: frozenset[str],
        warden: Warden | None = None,
    ) -> Process:
        """Start a worker and wait until it is ready."""
        lifeline = () if warden is None else (warden.lifeline,)
        words = [*command, *(f"--lifeline={descriptor}" for descriptor in lifeline)]
        try:
            child = await asyncio.create_subprocess_exec(
                *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE, limit=LINE_LIMIT, start_new_session=True, pass_fds=lifeline,
                env=environment_with_package(environment),
            )  # fmt: skip
        except OSError as error:
            text = f"the worker of CPI '{plugin}' cannot be started: {error}"
            raise WorkerDied(text, facts=Facts(started=False)) from error
        process = cls(plugin, child, log, known, warden)
        try:
            process.capabilities = await asyncio.wait_for(asyncio.shield(process._ready), START_TIMEOUT)
        except TimeoutError:
            await process.kill()
            text = f"the worker of CPI '{plugin}' was not ready within {START_TIMEOUT:g} s and was ended"
            raise WorkerDied(text, facts=Facts(started=False)) from None
        except BaseException:
            await process.kill()
            raise
        return process

    async def ask(self, request: dict[str, object], log: LogSink) -> Json:
        """Send one request; its response."""
        number, method, deadline = next(self._ids), str(request["method"]), cast(float, request["deadline"])
        pending = Pending(method, log, asyncio.get_running_loop().create_future())
        line = msgspec.json.encode({"id": number, **request}) + b"\n"
        # stderr belongs to no call: what C libraries print there must not show any secret that was sent.
        self._secrets |= redact.secrets(request["context"], request["arguments"])
        if not self.alive or self._child.stdin is None:
            raise self._death(method, started=False)
        if self._warden is not None:
            self._warden.check()
        self._pending[number] = pending
        try:
            self._child.stdin.write(line)
            with contextlib.suppress(ConnectionError):  # the reader tells of the death
                await self._child.stdin.drain()
            return await asyncio.wait_for(pending.future, deadline + GRACE)
        except TimeoutError:
            self._pending.pop(number, None)
            await self.kill()
            raise DeadlineExceeded(
                f"the worker of CPI '{self._plugin}' did not answer {method} {GRACE:g} s after its deadline of "
                f"{deadline:g} s and was ended; its other calls in flight fail with WorkerDied",
                facts=Facts(method=method),
            ) from None
        finally:
            self._pending.pop(number, None)

    async def close(self) -> None:
        """End of input, a time for the calls in flight, then the end."""
        if self.alive and self._child.stdin is not None:
            self._child.stdin.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._child.wait(), CLOSE_TIMEOUT)
        await self.kill()

    async def kill(self) -> None:
        """End it now; on return it is dead and its lock is free."""
        if self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(signal.SIGKILL)
        await self.gone()

    async def gone(self) -> None:
        """Wait for the death and for what it left to read."""
        await self._child.wait()
        await asyncio.gather(self._reader, self._errors, return_exceptions=True)

    async def _read(self) -> None:
        assert self._child.stdout is not None
        try:
            while line := await self._child.stdout.readline():
                self._take(line)
        except ValueError as error:  # a line above the limit: the stream cannot be followed any more
            self._log(f"the worker of CPI '{self._plugin}' wrote an endless line: {error}")
            self._child.kill()
        finally:
            self.alive = False
            try:
                await asyncio.wait_for(self._child.wait(), GRACE)
            except TimeoutError:  # it closed its output and lives on: of no use any more
                self._child.kill()
                await self._child.wait()
            if self._warden is not None:
                self._warden.remove(self._child.pid)
            await self._errors
            self._fail_all()

    def _take(self, line: bytes) -> None:
        try:
            message = cast(object, msgspec.json.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError):
            message = None
        if not isinstance(message, dict):
            self._log(f"the worker of CPI '{self._plugin}' wrote a line that is no message: {line[:200]!r}")
            return
        known = cast(Json, message)
        pending = self._pending.get(cast(int, known.get("id")))
        if pending is not None and "result" not in known and "log" in known and "error" not in known:
            self._hand_over(pending, str(known["log"]))
        elif pending is not None and not pending.future.done():
            pending.future.set_result(known)
        elif known.get("id") is None:
            self._take_ready(known)

    def _hand_over(self, pending: Pending, line: str) -> None:
        try:
            pending.log(line)
        except Exception as error:  # a caller's log must not cost the answers of all other callers
            self._log(f"the log of a {pending.method} call failed: {type(error).__name__}: {error}")

    def _take_ready(self, message: Json) -> None:
        ready, error = message.get("ready"), message.get("error")
        if self._ready.done():
            self._log(f"the worker of CPI '{self._plugin}' refused a line: {message}")
        elif isinstance(ready, Mapping):
            names = cast(Json, ready).get("capabilities", [])
            self._ready.set_result(frozenset(cast("list[str]", names)))
        elif isinstance(error, Mapping):
            self._ready.set_exception(wire.error_from_wire("start", "", cast(Json, error)))
        else:
            self._ready.set_exception(InvalidResponse(f"the worker of CPI '{self._plugin}' began with {message}"))

    async def _read_errors(self) -> None:
        assert self._child.stderr is not None
        with contextlib.suppress(ValueError):
            while line := await self._child.stderr.readline():
                text = redact.scrub(line.decode(errors="replace").rstrip("\n"), self._secrets)
                self._last_words = [*self._last_words[-4:], text]
                self._log(text)

    def _fail_all(self) -> None:
        if not self._ready.done():
            self._ready.set_exception(self._death("start", started=False))
        for pending in self._pending.values():
            if not pending.future.done():
                pending.future.set_exception(self._death(pending.method, started=True))

    def _death(self, method: str, *, started: bool) -> WorkerDied:
        status = self._child.returncode
        by_signal = status is not None and status < 0
        how = f"by signal {signal.Signals(-(status or 0)).name}" if by_signal else f"with exit code {status}"
        last = f"; its last words: {' | '.join(self._last_words)}" if self._last_words else ""
        text = f"the worker of CPI '{self._plugin}' ended {how} during {method}{last}"
        return WorkerDied(text, facts=Facts(method=method, started=started))
