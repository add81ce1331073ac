"""The client of a one-shot CPI executable: one process per call, request on stdin, response on stdout, log on stderr."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from cpi import redact, wire
from cpi.client import DEFAULT_DEADLINE, LINE_LIMIT, LogSink, request_id
from cpi.contract import CloudError, DeadlineExceeded, Facts, Json, ignore_log
from cpi.warden import Warden

SEARCH_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
KEPT = ("TMPDIR", "HOME")
JOBS = Path("/var/vcap/jobs")


def executable_of(cpi_type: str, exec_path: str | None = None, jobs: Path = JOBS) -> Path:
    """Where the executable of a CPI config entry lies: its exec_path, else the job `<type>_cpi`."""
    return Path(exec_path) if exec_path else jobs / f"{cpi_type}_cpi" / "bin" / "cpi"


class ExecutableClient:
    """`cpi.client.CpiClient` for a BOSH CPI executable. It has no state: start only checks the file."""

    def __init__(
        self,
        executable: Path,
        *,
        environment: Mapping[str, str] | None = None,
        log: LogSink = ignore_log,
        warden: Warden | None = None,
    ) -> None:
        """`environment` replaces the three variables of the contract (PATH, TMPDIR, HOME)."""
        self.executable = executable
        self._environment = dict(environment) if environment is not None else _environment()
        self._log = log
        self._warden = warden

    async def start(self) -> None:
        """CloudError if the executable cannot be run."""
        if not self.executable.is_file() or not os.access(self.executable, os.X_OK):
            raise CloudError(
                f"{self.executable}: is not an executable file; install the CPI's job or set exec_path in the CPI config",
                facts=Facts(started=False),
            )

    async def call(
        self,
        method: str,
        arguments: Sequence[object] = (),
        context: Json | None = None,
        deadline: float | None = None,
        log: LogSink | None = None,
        api_version: int | None = None,
    ) -> object:
        """See CpiClient. `api_version` None leaves the key out, as the first `info` of a director does. The context goes
        as it is: give no `key` to a CPI without `find`, it would take it for a property."""
        await self.start()
        sent = dict(context or {})
        request: dict[str, object] = {"method": method, "arguments": list(arguments), "context": sent}
        if api_version is not None:
            request["api_version"] = api_version
        known = redact.secrets(sent, *arguments)
        identity = str(request_id(context))
        seconds = DEFAULT_DEADLINE if deadline is None else deadline
        output, status = await self._run(method, json.dumps(request).encode(), known, seconds, log or self._log)
        try:
            response = cast(object, json.loads(output))
        except ValueError:
            text = output[: wire.SHOWN].decode(errors="replace")
            response = redact.scrub(text.strip(), known) or f"nothing (exit code {status})"
        return wire.read_response(method, identity, response)

    async def close(self) -> None:
        """Nothing is kept between calls."""

    async def _run(
        self, method: str, request: bytes, known: frozenset[str], seconds: float, log: LogSink
    ) -> tuple[bytes, int]:
        try:
            child = await asyncio.create_subprocess_exec(
                self.executable, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE, limit=LINE_LIMIT, start_new_session=True, env=self._environment,
            )  # fmt: skip
        except OSError as error:
            text = f"{self.executable}: cannot be run: {error.strerror or error}"
            raise CloudError(text, facts=Facts(method=method, started=False)) from error
        assert child.stdout is not None and child.stderr is not None and child.stdin is not None
        if self._warden is not None:
            self._warden.add(child.pid)
        try:
            if self._warden is not None:
                self._warden.check()
            async with asyncio.timeout(seconds):
                output, _, _ = await asyncio.gather(
                    child.stdout.read(), _log_lines(child.stderr, known, log), _feed(child.stdin, request)
                )
                return output, await child.wait()
        except TimeoutError:
            text = f"{self.executable} did not end {method} within {seconds:g} s and was ended; it may have had effects"
            raise DeadlineExceeded(text, facts=Facts(method=method)) from None
        finally:
            # Always: whatever the executable left running in its session must not act after the call's end.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
            if self._warden is not None:
                self._warden.remove(child.pid)


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {"PATH": SEARCH_PATH, **kept}


async def _feed(stdin: asyncio.StreamWriter, request: bytes) -> None:
    with contextlib.suppress(ConnectionError):  # an executable may answer without reading
        stdin.write(request)
        await stdin.drain()
        stdin.close()
        await stdin.wait_closed()


async def _log_lines(stderr: asyncio.StreamReader, known: frozenset[str], log: LogSink) -> None:
    with contextlib.suppress(ValueError):
        while line := await stderr.readline():
            log(redact.scrub(line.decode(errors="replace").rstrip("\n"), known))
