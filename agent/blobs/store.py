"""All the ways of the agent to get and put a blob."""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

from agent.blobs import digest
from agent.blobs.by_id import blobs_by_id, certificate_authority, safe_id
from agent.blobs.transfer import Transfer
from agent.errors import BlobError
from agent.layout import Layout
from agent.settings.model import Settings
from agent.shapes import Json, object_or_empty, string_or_empty


@dataclass(frozen=True)
class BlobRef:
    """Where a blob is and what its content must be."""

    digest: str
    blob_id: str = ""
    signed_url: str = ""
    headers: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def name(self) -> str:
        """For messages; never the URL's query, which holds a signature."""
        return f"blob {self.blob_id}" if self.blob_id else f"blob at {self.signed_url.partition('?')[0]}"


def headers_of(value: object) -> dict[str, str]:
    """blobstore_headers of a request."""
    return {str(key): str(text) for key, text in object_or_empty(value).items()}


def ref_of(entry: Json) -> BlobRef:
    """The reference in a package, template archive or dependency of a request."""
    url = string_or_empty(entry.get("signed_url")) or string_or_empty(entry.get("package_get_signed_url"))
    return BlobRef(
        digest=string_or_empty(entry.get("sha1")),
        blob_id=string_or_empty(entry.get("blobstore_id")),
        signed_url=url,
        headers=headers_of(entry.get("blobstore_headers")),
    )


class Blobs:
    """Fetches and stores blobs as the settings in force say."""

    def __init__(self, layout: Layout, settings: Settings) -> None:
        self._layout = layout
        self._transfer = Transfer(certificate_authority(settings.blobstore))
        self._by_id = blobs_by_id(settings.blobstore, self._transfer)

    def sensitive(self, blob_id: str) -> Path:
        """Where a blob that came over the bus is kept."""
        return self._layout.sensitive_blobs / safe_id(blob_id)

    @contextlib.contextmanager
    def fetched(self, ref: BlobRef) -> Generator[Path, None, None]:
        """The verified content of ``ref`` as a temporary file. Raises BlobError or DigestMismatch."""
        if ref.blob_id and self.sensitive(ref.blob_id).exists():
            kept = self.sensitive(ref.blob_id)
            digest.verify(kept, ref.digest, ref.name)
            yield kept
            kept.unlink(missing_ok=True)
            return
        with self.scratch() as folder:
            target = folder / "blob"
            if ref.signed_url:
                self._transfer.get(ref.signed_url, ref.headers, target)
            elif ref.blob_id:
                self._by_id.get(ref.blob_id, target)
            else:
                raise BlobError("the request names a blob by neither signed_url nor blobstore_id")
            digest.verify(target, ref.digest, ref.name)
            yield target

    def store(self, source: Path) -> str:
        """Put a file under a new blob id, which is returned."""
        blob_id = str(uuid.uuid4())
        self._by_id.put(blob_id, source)
        return blob_id

    def send(self, url: str, headers: dict[str, str], source: Path) -> None:
        """Put a file at a signed URL."""
        self._transfer.put(url, headers, source)

    @contextlib.contextmanager
    def scratch(self) -> Generator[Path, None, None]:
        """A temporary folder on the ephemeral disk."""
        self._layout.scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._layout.scratch, prefix="blob-") as folder:
            yield Path(folder)
