"""The warm worker: one plugin, loaded once, answering calls on stdin/stdout until stdin ends.

One JSON object per line. In: `{"id", "method", "arguments", "context", "api_version", "deadline"}`. Out, in any order:
`{"id", "log": "line"}` while a call runs, then `{"id", "result", "error", "log": ""}`. First of all comes
`{"id": null, "ready": {"plugin", "capabilities", "pid"}}`, or an error with id null and the end of the process.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from cpi import lifeline, lock, plugins, redact, settings, wire
from cpi.contract import Call, CpiError, DeadlineExceeded, Facts, InvalidCall, Json, WorkerDied
from cpi.dispatch import invoke
from cpi.threads import Deadlines, Threads

THREADS = 160
"""Made when needed. A call waits for its cloud on its thread, so there are more than the director sends at once; it does the limiting."""
LOCK_WAIT = 10.0
EXIT_LOCKED = 75
LOGGED = 20_000
"""Characters of one log line that are passed on."""


class Request(msgspec.Struct):
    """One line of input. `deadline` is in seconds from now."""

    id: int
    method: str
    arguments: list[object]
    context: dict[str, object] = {}
    api_version: int = 2
    deadline: float | None = None


class Running:
    """A call in flight: answered exactly once, by its thread or by its deadline."""

    def __init__(self, request: Request, known_secrets: frozenset[str]) -> None:
        self.request = request
        self.secrets = known_secrets
        self.request_id = str(request.context.get("request_id", ""))
        self.began = time.monotonic()
        self.started = False
        self.answered = False
        self.guard = threading.Lock()


class Worker:
    """Reads requests, runs them on threads, writes answers."""

    def __init__(self, plugin: plugins.Plugin, base: Json, output: int, threads: int = THREADS) -> None:
        self._plugin = plugin
        self._base = base
        self._output = output
        self._writing = threading.Lock()
        self._threads = Threads(threads)
        self._deadlines = Deadlines()
        self._running: dict[int, Running] = {}
        self._quiet = threading.Condition()
        self._current = threading.local()
        self._orphaned = False

    def serve(self, lines: Iterable[bytes]) -> None:
        """Until the input ends and all calls are answered."""
        self._send({"id": None, "ready": {
            "plugin": self._plugin.name, "capabilities": sorted(self._plugin.capabilities), "pid": os.getpid(),
        }})  # fmt: skip
        for line in lines:
            if line.strip():
                self._accept(line)
        with self._quiet:
            self._quiet.wait_for(lambda: not self._running)

    def orphan(self) -> None:
        """The director is dead: what has begun goes on to its end, and nothing else begins. Nobody reads what is said from now on."""
        self._orphaned = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (self._output, 1, 2):
            os.dup2(nowhere, stream, inheritable=False)

    def log(self, line: str) -> None:
        """A log line of the call that runs on this thread; without one it goes to stderr."""
        running = cast("Running | None", getattr(self._current, "running", None))
        if running is None:
            with contextlib.suppress(BrokenPipeError):
                sys.stderr.write(redact.scrub(line, frozenset()) + "\n")
                sys.stderr.flush()
        else:
            self._log(running, line)

    def _accept(self, line: bytes) -> None:
        try:
            request = msgspec.json.decode(line, type=Request)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            refused = InvalidCall(f"the request is not a JSON object of the worker's form: {error}")
            self._send({"id": _id_of(line), "result": None, "error": wire.error_to_wire(refused), "log": ""})
            return
        known = redact.secrets(self._base, request.context, *request.arguments)
        running = Running(request, known)
        with self._quiet:
            duplicate = request.id in self._running
            if not duplicate:
                self._running[request.id] = running
        if duplicate:
            refused = InvalidCall(f"request id {request.id} is in flight already")
            self._send({"id": request.id, "result": None, "error": wire.error_to_wire(refused), "log": ""})
            return
        if request.deadline is not None:
            self._deadlines.at(running.began + request.deadline, lambda: self._expire(running))
        self._threads.submit(lambda: self._run(running))

    def _run(self, running: Running) -> None:
        with running.guard:
            if running.answered:
                return
            running.started = not self._orphaned
            running.answered = self._orphaned
        if not running.started:
            self._finish(running, None, WorkerDied("its director died before it began", facts=Facts(started=False)))
            return
        self._current.running = running
        request = running.request
        try:
            shown = redact.request(request.method, request.arguments, request.context)
            self._log(running, f"{request.method}: {msgspec.json.encode(shown).decode()}")
            answer = invoke(self._plugin, self._call(running), request.arguments)
            taken = self._answer(running, answer, None)
        except CpiError as error:
            taken = self._answer(running, None, error)
        except Exception as error:  # a plugin's own fault must not end the worker
            taken = self._answer(running, None, _unforeseen(self._plugin.name, request.method, error))
        finally:
            self._current.running = None
        if not taken:
            self._threads.returned()

    def _call(self, running: Running) -> Call:
        request, context = running.request, running.request.context
        vm = context.get("vm")
        stemcell = cast(Json, vm).get("stemcell") if isinstance(vm, dict) else None
        version = cast(Json, stemcell).get("api_version") if isinstance(stemcell, dict) else None
        key = context.get("key")
        return Call(
            method=request.method,
            properties=settings.merge(self._base, settings.of_context(context)),
            key=key if isinstance(key, str) and key else None,
            request_id=running.request_id,
            director_uuid=str(context.get("director_uuid", "")),
            api_version=request.api_version,
            stemcell_api_version=version if isinstance(version, int) else None,
            expires=None if request.deadline is None else running.began + request.deadline,
            log=lambda line: self._log(running, line),
        )

    def _expire(self, running: Running) -> None:
        with running.guard:
            if running.answered:
                return
            running.answered = True
            started = running.started
        method, seconds = running.request.method, running.request.deadline
        state = "it may still take effect" if started else "it had not begun, nothing was done"
        text = f"{method} did not end within {seconds:g} s; {state}"
        self._finish(running, None, DeadlineExceeded(text, ok_to_retry=not started, facts=Facts(started=started)))
        if started:
            self._threads.abandon()

    def _answer(self, running: Running, result: object, error: CpiError | None) -> bool:
        """Answer if nobody did; False if the deadline was faster."""
        with running.guard:
            if running.answered:
                return False
            running.answered = True
        self._finish(running, result, error)
        return True

    def _finish(self, running: Running, result: object, error: CpiError | None) -> None:
        request, failed = running.request, None
        if error is not None:
            facts = replace(error.facts, method=request.method, request_id=running.request_id)
            failed = wire.error_to_wire(error.with_facts(facts), running.secrets)
        took = (time.monotonic() - running.began) * 1000
        outcome = "ok" if failed is None else f"{failed['type']}: {failed['message']}"
        self._log(running, f"{request.method}: {outcome} ({took:.1f} ms)", last=True)
        try:
            self._send({"id": request.id, "result": result, "error": failed, "log": ""})
        except TypeError as problem:  # the plugin returned something that is no JSON
            broken = wire.error_to_wire(_unforeseen(self._plugin.name, request.method, problem), running.secrets)
            self._send({"id": request.id, "result": None, "error": broken, "log": ""})
        with self._quiet:
            self._running.pop(request.id, None)
            self._quiet.notify_all()

    def _log(self, running: Running, line: str, *, last: bool = False) -> None:
        if last or not running.answered:
            self._send({"id": running.request.id, "log": redact.scrub(line, running.secrets)[:LOGGED]})

    def _send(self, message: object) -> None:
        data = memoryview(msgspec.json.encode(message) + b"\n")
        with self._writing, contextlib.suppress(BrokenPipeError):  # a dead director reads nothing; the call goes on
            while data:
                data = data[os.write(self._output, data) :]


class CallLog(logging.Handler):
    """Hands what SDKs log to the call on whose thread they log it."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(logging.INFO)
        self._worker = worker

    def emit(self, record: logging.LogRecord) -> None:
        self._worker.log(f"{record.name}: {record.getMessage()}")


def _id_of(line: bytes) -> int | None:
    try:
        found = cast(object, msgspec.json.decode(line))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    value = cast(Json, found).get("id") if isinstance(found, dict) else None
    return value if isinstance(value, int) else None


def _unforeseen(plugin: str, method: str, error: Exception) -> CpiError:
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f" at {Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}" if place is not None else ""
    return CpiError(f"CPI '{plugin}' failed in {method}: {type(error).__name__}: {error}{where}")


def _own_stdout() -> int:
    """Keep stdout for answers: what SDKs and C libraries print goes to stderr."""
    output = os.dup(1)
    os.set_inheritable(output, False)
    os.dup2(2, 1)
    return output


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m cpi.worker", description="Warm CPI worker (see cpi/worker.py).")
    parser.add_argument("plugin")
    parser.add_argument("--config", type=Path, help="file of the cpi.json form; a request's context goes over it")
    parser.add_argument("--lock", type=Path, help="file to hold locked for life")
    parser.add_argument("--threads", type=int, default=THREADS)
    parser.add_argument("--lifeline", type=int, help="pipe that ends with director and warden (see cpi/lifeline.py)")
    options = parser.parse_args(argv)
    if options.lifeline is None:
        lifeline.die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    output = _own_stdout()
    try:
        if options.lock is not None and lock.acquire(options.lock, LOCK_WAIT) is None:
            sys.stderr.write(f"{options.lock}: another worker holds the lock; end it first\n")
            return EXIT_LOCKED
        plugin = plugins.load(options.plugin)
        base = settings.read(options.config, plugin.name) if options.config else {}
        worker = Worker(plugin, base, output, options.threads)
        if options.lifeline is not None:
            lifeline.outlive_parent(options.lifeline, worker.orphan)
    except CpiError as error:
        os.write(output, msgspec.json.encode({"id": None, "error": wire.error_to_wire(error)}) + b"\n")
        return 1
    logging.basicConfig(level=logging.INFO, handlers=[CallLog(worker)])
    worker.serve(cast("BinaryIO", sys.stdin.buffer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
