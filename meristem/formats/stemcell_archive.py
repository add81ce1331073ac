"""A stemcell tarball: stemcell.MF and the image a CPI turns into a stemcell."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from meristem.formats import digests, tar_reader, versions
from meristem.formats.document import Document
from meristem.formats.errors import FormatError
from meristem.formats.tar_reader import Refusal
from meristem.formats.values import Hash

_MANIFEST_LIMIT = 4 << 20


@dataclass(frozen=True)
class StemcellManifest:
    """A checked stemcell.MF. `formats` empty = unstated, taken as supported by any CPI."""

    name: str
    version: str
    operating_system: str
    sha1: str
    bosh_protocol: str | None
    api_version: int
    formats: tuple[str, ...]
    cloud_properties: Hash


@dataclass(frozen=True)
class Stemcell:
    """An opened stemcell; `image` is valid until the `open_stemcell` block ends."""

    manifest: StemcellManifest
    image: Path


@contextlib.contextmanager
def open_stemcell(path: Path, scratch: Path | None = None, *, name: str | None = None) -> Generator[Stemcell]:
    """Unpacks manifest and image into a private directory under `scratch`, removed when the block ends.

    Errors (FormatError): 50000 archive or manifest missing, 50001 no image, 50007 digest, 40000/40001 fields.
    An image of zero bytes (light stemcell) is accepted.
    """
    where = name or path.name
    refusal = _refusal(where)
    directory = Path(tempfile.mkdtemp(prefix="stemcell-", dir=scratch))
    try:
        manifest: StemcellManifest | None = None
        image = directory / "image"
        for member in tar_reader.members(path, refusal):
            if member.name == "stemcell.MF" and member.is_file:
                manifest = parse(member.read(_MANIFEST_LIMIT), f"{where}!stemcell.MF")
            elif member.name == "image":
                if not member.is_file:
                    raise refusal.because("member 'image' is not a plain file")
                member.copy_to(image)
        if manifest is None:
            raise _no_manifest(where)
        if not image.is_file():
            raise FormatError(
                50001,
                "Stemcell image not found",
                place=where,
                remedy="The archive must hold a file 'image' (empty for a light stemcell).",
            )
        digests.verify_file(image, manifest.sha1, place=f"{where}!image", code=50007)
        yield Stemcell(manifest, image)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def read_manifest(path: Path) -> StemcellManifest:
    """stemcell.MF alone, without unpacking the image when the manifest stands first."""
    refusal = _refusal(path.name)
    for member in tar_reader.members(path, refusal):
        if member.name == "stemcell.MF" and member.is_file:
            return parse(member.read(_MANIFEST_LIMIT), f"{path.name}!stemcell.MF")
    raise _no_manifest(path.name)


def parse(text: str | bytes, name: str) -> StemcellManifest:
    """Reads stemcell.MF text."""
    document = Document.parse(text, name)
    stemcell_name = document.required("name")
    version = document.required("version")
    versions.parse(version, place=document.place("version"), code=40005)
    raw_api = document.data.get("api_version")
    if raw_api is not None and (isinstance(raw_api, bool) or not isinstance(raw_api, int)):
        raise document.wrong("api_version", "an integer", raw_api)
    return StemcellManifest(
        name=stemcell_name,
        version=version,
        operating_system=document.optional("operating_system") or stemcell_name,
        sha1=document.required("sha1"),
        bosh_protocol=document.optional("bosh_protocol"),
        api_version=raw_api or 1,
        formats=document.names("stemcell_formats"),
        cloud_properties=document.hash("cloud_properties"),
    )


def _refusal(where: str) -> Refusal:
    message = "Extracting stemcell archive failed. Check task debug log for details."
    return Refusal(50000, message, where, "Build or fetch the stemcell again.")


def _no_manifest(where: str) -> FormatError:
    remedy = "The archive must hold stemcell.MF at its top; `meristem stemcell build` makes one."
    return FormatError(50000, "Stemcell manifest not found", place=where, remedy=remedy)
