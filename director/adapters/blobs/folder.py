"""Blobs as files of a folder, flat, named by their ids: the layout of the public local blobstore."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from director.adapters.blobs.signed import Signer
from director.model.deployment import Document
from director.model.errors import DirectorError, NotFound, Place

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_CHUNK = 1 << 20
_DAY = 86400.0


class FolderBlobs:
    """A blob appears whole or not at all, and stays after a power cut. ``ca`` is the PEM that agents check the listener by.

    ``settings`` replaces what agents are told of the blobstore (``agent.env.bosh.blobstores`` of director.yml). In a ``shared`` folder
    what is half written may be another director's: it is removed when it is a day old, not at once.
    """

    def __init__(
        self,
        folder: Path,
        signer: Signer | None = None,
        *,
        ca: str = "",
        settings: list[Document] | None = None,
        shared: bool = False,
    ) -> None:
        self.folder = folder
        self._signer = signer
        self._ca = ca
        self._settings = settings
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DirectorError(
                f"Cannot make the blobstore's folder: {error.strerror}",
                place=Place(str(folder)),
                remedy="See blobstore.options.blobstore_path.",
            ) from None
        for left in folder.glob(".incoming-*"):
            with contextlib.suppress(FileNotFoundError):
                if not shared or time.time() - left.stat().st_mtime > _DAY:
                    left.unlink()

    def file(self, blob_id: str) -> Path:
        """Where the blob is or would be. Raises `NotFound` for what cannot be an id."""
        if _ID.fullmatch(blob_id) is None:
            raise NotFound(f"Blob id {blob_id[:80]!r} is malformed", code=100002)
        return self.folder / blob_id

    async def put_file(self, path: Path, *, blob_id: str = "") -> tuple[str, str]:
        def fill(write: Callable[[bytes], object]) -> None:
            with path.open("rb") as source:
                while chunk := source.read(_CHUNK):
                    write(chunk)

        return await asyncio.to_thread(self._put, fill, blob_id)

    async def put_bytes(self, data: bytes, *, blob_id: str = "") -> tuple[str, str]:
        return await asyncio.to_thread(self._put, lambda write: write(data), blob_id)

    async def path(self, blob_id: str) -> Path:
        file = self.file(blob_id)
        if not file.is_file():
            raise NotFound(f"Blob {blob_id} could not be found in the blobstore", code=100002)
        return file

    async def exists(self, blob_id: str) -> bool:
        return self.file(blob_id).is_file()

    async def delete(self, blob_id: str) -> None:
        self.file(blob_id).unlink(missing_ok=True)

    def sign(self, blob_id: str, method: str, *, seconds: int = 86400) -> str:
        if self._signer is None:
            raise DirectorError(
                "This blobstore signs no URLs", remedy="Give meristem.blobs a listener in director.yml."
            )
        self.file(blob_id)
        return self._signer.url(blob_id, method, seconds)

    def agent_settings(self) -> list[Document]:
        if self._settings is not None:
            return self._settings
        if self._signer is None:
            return [{"provider": "local", "options": {"blobstore_path": str(self.folder)}}]
        options: Document = {"endpoint": f"{self._signer.base_url}/blobs"}
        if self._ca:
            options["tls"] = {"cert": {"ca": self._ca}}
        return [{"provider": "dav", "options": options}]

    def incoming(self) -> Path:
        """A new file's path on the blobs' file system; `settle` makes a blob of it."""
        return self.folder / f".incoming-{uuid.uuid4()}"

    def settle(self, incoming: Path, blob_id: str) -> None:
        """Give a fully written file (already synced) its name."""
        incoming.rename(self.file(blob_id))
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _put(self, fill: Callable[[Callable[[bytes], object]], object], blob_id: str) -> tuple[str, str]:
        blob_id = blob_id or str(uuid.uuid4())
        self.file(blob_id)
        digest = hashlib.sha256()
        incoming = self.incoming()

        try:
            with incoming.open("xb") as file:

                def write(chunk: bytes) -> None:
                    digest.update(chunk)
                    file.write(chunk)

                fill(write)
                file.flush()
                os.fsync(file.fileno())
            self.settle(incoming, blob_id)
        except OSError as error:
            incoming.unlink(missing_ok=True)
            raise DirectorError(
                f"Cannot store a blob: {error.strerror}", place=Place(str(error.filename or self.folder))
            ) from error
        return blob_id, f"sha256:{digest.hexdigest()}"
