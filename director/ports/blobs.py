"""The blobstore: immutable files by id, and signed URLs by which agents read and write them."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from director.model.deployment import Document


class Blobs(Protocol):
    """Ids are UUIDs unless the caller chooses one. Digests are ``sha256:<hex>``."""

    async def put_file(self, path: Path, *, blob_id: str = "") -> tuple[str, str]:
        """Store a copy (moved if on the same file system is fine); (id, digest)."""
        ...

    async def put_bytes(self, data: bytes, *, blob_id: str = "") -> tuple[str, str]: ...

    async def path(self, blob_id: str) -> Path:
        """A local file with the content; raises `NotFound` (100002)."""
        ...

    async def exists(self, blob_id: str) -> bool: ...

    async def delete(self, blob_id: str) -> None:
        """Quiet when it is gone."""
        ...

    def sign(self, blob_id: str, method: str, *, seconds: int = 86400) -> str:
        """An HTTPS URL for one GET or PUT of this blob. Made when sent; never part of a plan, digest or journal."""
        ...

    def agent_settings(self) -> list[Document]:
        """``env.bosh.blobstores`` for a VM: provider, options with the CA under tls.cert.ca."""
        ...
