"""Stores that are addressed by blob id: a local folder, or a WebDAV server."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
from pathlib import Path
from typing import Protocol

from agent.blobs.transfer import Transfer
from agent.errors import BlobError
from agent.shapes import Json, as_string, object_or_empty, string_or_empty


class BlobsById(Protocol):
    """The port; both calls raise BlobError."""

    def get(self, blob_id: str, target: Path) -> None: ...

    def put(self, blob_id: str, source: Path) -> None: ...


class LocalBlobs:
    """Provider ``local``: one file per blob in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, blob_id: str, target: Path) -> None:
        try:
            shutil.copyfile(self._folder / safe_id(blob_id), target)
        except FileNotFoundError:
            raise BlobError(f"blob {blob_id} is not in {self._folder}") from None

    def put(self, blob_id: str, source: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = self._folder / f".{safe_id(blob_id)}.{os.getpid()}"
        shutil.copyfile(source, temporary)
        temporary.replace(self._folder / safe_id(blob_id))


class DavBlobs:
    """Provider ``dav``: objects at <endpoint>/<first two hex of sha1(id)>/<id>, basic authentication."""

    def __init__(self, options: Json, transfer: Transfer) -> None:
        self._endpoint = as_string(options.get("endpoint"), "blobstore options.endpoint").rstrip("/")
        user, password = string_or_empty(options.get("user")), string_or_empty(options.get("password"))
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}"} if user else {}
        self._transfer = transfer

    def get(self, blob_id: str, target: Path) -> None:
        self._transfer.get(self._url(blob_id), self._headers, target)

    def put(self, blob_id: str, source: Path) -> None:
        self._transfer.put(self._url(blob_id), self._headers, source)

    def _url(self, blob_id: str) -> str:
        prefix = hashlib.sha1(safe_id(blob_id).encode(), usedforsecurity=False).hexdigest()[:2]
        return f"{self._endpoint}/{prefix}/{blob_id}"


class NoBlobs:
    """No provider by id: only signed URLs work."""

    def __init__(self, provider: str) -> None:
        self._provider = provider

    def get(self, blob_id: str, target: Path) -> None:
        raise BlobError(f"blob {blob_id}: {self._reason()}")

    def put(self, blob_id: str, source: Path) -> None:
        raise BlobError(f"blob {blob_id}: {self._reason()}")

    def _reason(self) -> str:
        named = f"provider {self._provider!r} is not known to this agent" if self._provider else "no blobstore is set"
        return f"{named} and the request has no signed URL; enable signed URLs on the director"


def certificate_authority(blobstore: Json) -> str:
    """The PEM in options.tls.cert.ca, or the empty string."""
    tls = object_or_empty(object_or_empty(blobstore.get("options")).get("tls"))
    return string_or_empty(object_or_empty(tls.get("cert")).get("ca"))


def blobs_by_id(blobstore: Json, transfer: Transfer) -> BlobsById:
    """The store that the settings name."""
    provider = string_or_empty(blobstore.get("provider"))
    options = object_or_empty(blobstore.get("options"))
    if provider == "local":
        return LocalBlobs(Path(as_string(options.get("blobstore_path"), "blobstore options.blobstore_path")))
    if provider == "dav" and options.get("endpoint"):
        return DavBlobs(options, transfer)
    return NoBlobs(provider)


def safe_id(blob_id: str) -> str:
    """``blob_id`` if it is one plain file name, otherwise BlobError."""
    if not blob_id or "/" in blob_id or blob_id.startswith("."):
        raise BlobError(f"blob id {blob_id!r:.80}: expected a plain name")
    return blob_id
