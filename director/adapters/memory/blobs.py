"""Blobs in a directory of the test's; signed URLs have a scheme of their own, and `receive` takes what is PUT to one."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from pathlib import Path

from director.model.deployment import Document
from director.model.errors import NotFound

_SCHEME = "memory://"


class MemoryBlobs:
    """`Blobs` over one flat directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def put_file(self, path: Path, *, blob_id: str = "") -> tuple[str, str]:
        blob_id = blob_id or str(uuid.uuid4())
        shutil.copyfile(path, self._directory / blob_id)
        return blob_id, self._digest(blob_id)

    async def put_bytes(self, data: bytes, *, blob_id: str = "") -> tuple[str, str]:
        blob_id = blob_id or str(uuid.uuid4())
        (self._directory / blob_id).write_bytes(data)
        return blob_id, self._digest(blob_id)

    async def path(self, blob_id: str) -> Path:
        if not await self.exists(blob_id):
            raise NotFound(f"Blob {blob_id} not found", code=100002)
        return self._directory / blob_id

    async def exists(self, blob_id: str) -> bool:
        return (self._directory / blob_id).is_file()

    async def delete(self, blob_id: str) -> None:
        (self._directory / blob_id).unlink(missing_ok=True)

    def sign(self, blob_id: str, method: str, *, seconds: int = 86400) -> str:
        return f"{_SCHEME}{method}/{blob_id}"

    def agent_settings(self) -> list[Document]:
        return []

    def receive(self, url: str, data: bytes) -> None:
        """A PUT to a signed URL."""
        method, _, blob_id = url.removeprefix(_SCHEME).partition("/")
        if not url.startswith(_SCHEME) or method != "PUT":
            raise ValueError(f"{url} is not signed for PUT")
        (self._directory / blob_id).write_bytes(data)

    def _digest(self, blob_id: str) -> str:
        return f"sha256:{hashlib.sha256((self._directory / blob_id).read_bytes()).hexdigest()}"


class HeldBlobs(MemoryBlobs):
    """The same, held in ``content`` by id and written only when a file is asked for; several may share the directory."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.content: dict[str, bytes] = {}

    async def put_file(self, path: Path, *, blob_id: str = "") -> tuple[str, str]:
        return await self.put_bytes(path.read_bytes(), blob_id=blob_id)

    async def put_bytes(self, data: bytes, *, blob_id: str = "") -> tuple[str, str]:
        blob_id = blob_id or str(uuid.uuid4())
        self.content[blob_id] = data
        return blob_id, f"sha256:{hashlib.sha256(data).hexdigest()}"

    async def path(self, blob_id: str) -> Path:
        data = self.content.get(blob_id)
        if data is None:
            raise NotFound(f"Blob {blob_id} not found", code=100002)
        path = self._directory / blob_id
        if not path.is_file() or path.stat().st_size != len(data) or path.read_bytes() != data:
            path.write_bytes(data)
        return path

    async def exists(self, blob_id: str) -> bool:
        return blob_id in self.content

    async def delete(self, blob_id: str) -> None:
        self.content.pop(blob_id, None)
        (self._directory / blob_id).unlink(missing_ok=True)

    def receive(self, url: str, data: bytes) -> None:
        """A PUT to a signed URL."""
        method, _, blob_id = url.removeprefix(_SCHEME).partition("/")
        if not url.startswith(_SCHEME) or method != "PUT":
            raise ValueError(f"{url} is not signed for PUT")
        self.content[blob_id] = data
