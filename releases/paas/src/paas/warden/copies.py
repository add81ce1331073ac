"""Brings files into a container and out of it, by programs that run in it: what they touch is bound by its walls and limits."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import IO, Any

import msgspec

from paas.containers.protocol import CopyIn, CopyOut
from paas.warden import spec
from paas.warden.faults import WardenError
from paas.warden.programs import ProgramError, Programs
from paas.warden.runtime import Runtime

GZIP = b"\x1f\x8b"
UNPACK = 'mkdir -p -- "$1" && exec tar -x $2 -f - -C "$1" --no-same-owner'
WRITE = 'mkdir -p -- "$(dirname -- "$1")" && cat > "$1" && chmod "$2" -- "$1"'
READ = 'exec head -c "$2" -- "$1"'
FDS = 1024


async def copy_in(programs: Programs, runtime: Runtime, directory: Path, ask: CopyIn) -> None:
    """As `CopyIn` says; `directory` is the container's, for short-lived files."""
    source = Path(ask.source)
    if source.is_dir():
        if ask.unpack:
            raise WardenError("bad_request", f"{source} is a directory, not an archive")
        script = _script(UNPACK, ask.target, "")
        await _directory(programs, runtime, directory, ask, script)
        return
    try:
        with os.fdopen(os.open(source, os.O_RDONLY), "rb", buffering=0) as file:
            if ask.unpack:
                script = _script(UNPACK, ask.target, "-z" if file.read(2) == GZIP else "")
                file.seek(0)
            else:
                script = _script(WRITE, ask.target, oct(os.fstat(file.fileno()).st_mode & 0o777)[2:])
            await _within(runtime, directory, ask.handle, spec.process(script, ask.user, {}, "/", FDS), stdin=file)
    except OSError as error:
        raise WardenError("bad_request", f"{source}: {error.strerror}") from None


async def copy_out(runtime: Runtime, directory: Path, ask: CopyOut, owner: tuple[int, int]) -> None:
    """As `CopyOut` says; the new file belongs to `owner` (uid, gid)."""
    target = Path(ask.target)
    script = _script(READ, ask.source, str(ask.max_bytes + 1))
    try:
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "wb") as file:
            os.fchown(file.fileno(), *owner)
            await _within(runtime, directory, ask.handle, spec.process(script, "root", {}, "/", FDS), stdout=file)
            size = os.fstat(file.fileno()).st_size
        if size > ask.max_bytes:
            raise WardenError("bad_request", f"{ask.source} is larger than {ask.max_bytes} bytes")
    except OSError as error:
        raise WardenError("bad_request", f"{target}: {error.strerror}") from None
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _script(text: str, *arguments: str) -> list[str]:
    return ["/bin/sh", "-c", text, "sh", *arguments]


async def _directory(programs: Programs, runtime: Runtime, directory: Path, ask: CopyIn, script: list[str]) -> None:
    read_end, write_end = os.pipe()

    async def pack() -> None:
        with os.fdopen(write_end, "wb") as pipe:
            await programs.run("tar", "-c", "-f", "-", "-C", ask.source, ".", stdout=pipe)

    async def unpack() -> None:
        with os.fdopen(read_end, "rb") as pipe:
            await _within(runtime, directory, ask.handle, spec.process(script, ask.user, {}, "/", FDS), stdin=pipe)

    packed, unpacked = await asyncio.gather(pack(), unpack(), return_exceptions=True)
    for outcome in (unpacked, packed):
        if isinstance(outcome, BaseException):
            raise outcome


async def _within(
    runtime: Runtime, directory: Path, handle: str, document: dict[str, Any], **streams: IO[bytes]
) -> None:
    with tempfile.NamedTemporaryFile(dir=directory, prefix="copy-", suffix=".json") as file:
        file.write(msgspec.json.encode(document))
        file.flush()
        try:
            await runtime.pipe(handle, Path(file.name), **streams)
        except ProgramError as error:
            raise WardenError("failed", f"copying failed: {error}") from None
