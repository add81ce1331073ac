"""The first file of a ``multipart/form-data`` body (RFC 7578), streamed to disk; other parts are passed over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path

from director.model.errors import BadRequest

HEADERS = 16 << 10


async def save_form_file(kind: str, body: AsyncIterator[bytes], path: Path) -> str:
    """Write the file part to ``path``; its file name. ``kind`` is the Content-Type header. 40001 when there is no such part."""
    boundary = _header("Content-Type", kind).get_param("boundary")
    if not isinstance(boundary, str) or not 0 < len(boundary) <= 70:
        raise _broken("its Content-Type names no boundary")
    parts = _Parts(body, b"\r\n--" + boundary.encode())
    await parts.skip_to_delimiter(None)
    while (headers := await parts.headers()) is not None:
        name = headers.get_param("filename", header="content-disposition")
        if name is None:
            await parts.skip_to_delimiter(None)
            continue
        with path.open("wb") as out:
            await parts.skip_to_delimiter(out.write)
        return str(name) if isinstance(name, str) and name else "upload"
    raise BadRequest("The form holds no file", code=40001, remedy="Send the tarball as a file of the form")


def _header(name: str, value: str) -> Message:
    message = Message()
    message[name] = value
    return message


def _broken(why: str) -> BadRequest:
    return BadRequest(
        f"The form is not understood: {why}", code=40005, remedy="Send the tarball as application/x-compressed"
    )


class _Parts:
    """A body cut at its delimiters; never holds more than a chunk and a delimiter."""

    def __init__(self, body: AsyncIterator[bytes], delimiter: bytes) -> None:
        self._body = body
        self._delimiter = delimiter
        self._held = b"\r\n"  # the first delimiter may stand at the very start

    async def _more(self) -> None:
        async for chunk in self._body:
            self._held += chunk
            return
        raise _broken("it ends in the middle of a part")

    async def skip_to_delimiter(self, take: Callable[[bytes], object] | None) -> None:
        """Hand what comes before the next delimiter to ``take`` (a writer, or None)."""
        keep = len(self._delimiter) - 1
        while True:
            at = self._held.find(self._delimiter)
            end = at if at >= 0 else max(len(self._held) - keep, 0)
            if take is not None and end:
                await asyncio.to_thread(take, self._held[:end])
            if at >= 0:
                self._held = self._held[at + len(self._delimiter) :]
                return
            self._held = self._held[end:]
            await self._more()

    async def headers(self) -> Message | None:
        """The next part's headers; None after the last part."""
        while len(self._held) < 2:
            await self._more()
        if self._held.startswith(b"--"):
            return None
        while (end := self._held.find(b"\r\n\r\n")) < 0:
            if len(self._held) > HEADERS:
                raise _broken("a part's headers are too long")
            await self._more()
        text, self._held = self._held[:end], self._held[end + 4 :]
        return BytesHeaderParser().parsebytes(text.lstrip(b" \t\r\n"))
