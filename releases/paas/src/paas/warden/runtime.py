"""runc, which makes containers, and conmon, which watches a process in one: it keeps the output and the exit status on disk.

conmon belongs to no process of ours, so that what it watches outlives the warden.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import IO, Any

import msgspec

from paas.warden.programs import ProgramError, Programs
from paas.warden.record import Place

START_SECONDS = 60


class Runtime:
    """runc and conmon with their state below `directory`."""

    def __init__(self, programs: Programs, directory: Path, log_bytes: int) -> None:
        self._programs = programs
        self._root = str(directory)
        self._log_bytes = log_bytes

    async def create(self, handle: str, place: Place, spec: dict[str, Any]) -> int:
        """Make the container from its document; its init waits for `start`. The init's pid."""
        (place.directory / "config.json").write_bytes(msgspec.json.encode(spec))
        pid_file = place.directory / "init.pid"
        # the init inherits what runc has open: a pipe of ours would never end
        log_file = place.directory / "init.log"
        try:
            with log_file.open("wb") as log:
                arguments = ["--pid-file", str(pid_file), "-b", str(place.directory), handle]
                await self._runc("create", *arguments, stdout=log, stderr=log)
        except ProgramError:
            raise ProgramError(f"runc create: {log_file.read_text(errors='replace').strip()[-2000:]}") from None
        return int(pid_file.read_text())

    async def start(self, handle: str) -> None:
        """Let the init run."""
        await self._runc("start", handle)

    async def execute(self, handle: str, directory: Path, spec: dict[str, Any]) -> int:
        """Start a process under conmon, whose files lie in `directory`; the process's pid."""
        spec_file = directory / "process.json"
        spec_file.touch(0o600)
        spec_file.write_bytes(msgspec.json.encode(spec))
        (directory / "exit").mkdir()
        read_end, write_end = os.pipe()
        try:
            arguments = ["--api-version", "1", "-c", handle, "-n", handle, "-u", directory.name, "-e", "--full-attach"]
            arguments += ["-r", self._programs.path("runc"), "--runtime-arg", "--root", "--runtime-arg", self._root]
            arguments += ["-b", str(directory), "-p", str(directory / "pid"), "-P", str(directory / "conmon.pid")]
            arguments += ["--exit-dir", str(directory / "exit"), "--exec-process-spec", str(spec_file), "--no-sync-log"]
            arguments += ["-l", f"k8s-file:{directory / 'log'}", "--log-size-max", str(self._log_bytes)]
            process = await asyncio.create_subprocess_exec(
                self._programs.path("conmon"),
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env={**self._programs.environment, "_OCI_SYNCPIPE": str(write_end)},
                pass_fds=(write_end,),
                start_new_session=True,
            )
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        said, status = await asyncio.gather(_first_line(read_end), process.wait())
        spec_file.unlink()  # it holds the environment, and with it secrets
        answer = _decode(said)
        if answer.data <= 0:
            raise ProgramError(answer.message or f"conmon: status {status} and no word")
        return answer.data

    async def pipe(
        self, handle: str, spec: Path, *, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None
    ) -> None:
        """Run a process to its end with files as its input and output; it ends with the warden."""
        await self._runc("exec", "--process", str(spec), handle, stdin=stdin, stdout=stdout)

    async def update(self, handle: str, resources: dict[str, Any]) -> None:
        """Change the limits of the control group."""
        await self._runc("update", "-r", "-", handle, text=msgspec.json.encode(resources).decode())

    async def delete(self, handle: str) -> None:
        """Kill all and forget it; one that is gone is fine."""
        with contextlib.suppress(ProgramError):
            await self._runc("delete", "--force", handle)

    def handles(self) -> list[str]:
        """Containers that runc knows."""
        root = Path(self._root)
        return sorted(one.name for one in root.iterdir()) if root.is_dir() else []

    async def _runc(self, *arguments: str, **streams: Any) -> None:
        await self._programs.run("runc", "--root", self._root, *arguments, **streams)


class _Said(msgspec.Struct):
    data: int = -1
    message: str = ""


def _decode(line: bytes) -> _Said:
    try:
        return msgspec.json.decode(line, type=_Said)
    except msgspec.MsgspecError:
        return _Said()


async def _first_line(descriptor: int) -> bytes:
    """What conmon says when the process runs, or cannot."""
    reader = asyncio.StreamReader()
    pipe = os.fdopen(descriptor, "rb")
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    try:
        async with asyncio.timeout(START_SECONDS):
            return await reader.readline()
    except TimeoutError:
        return b""
    finally:
        transport.close()
