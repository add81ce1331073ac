"""Stemcell images: an OVF descriptor and its disks in one archive (OVA, or a gzipped tar of the same)."""

from __future__ import annotations

import tarfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, cast

from cpi.contract import CloudError

MOST_DESCRIPTOR = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Image:
    """An open image. `networks` are the names that the descriptor gives its networks."""

    descriptor: str
    networks: tuple[str, ...]
    archive: tarfile.TarFile
    members: dict[str, tarfile.TarInfo]

    def disk(self, name: str) -> tuple[IO[bytes], int]:
        """A file that the descriptor names, and its size."""
        member = self.members.get(name)
        source = self.archive.extractfile(member) if member is not None else None
        if member is None or source is None:
            raise CloudError(f"the stemcell's image lacks the file {name} that its OVF descriptor names")
        return source, member.size


@contextmanager
def opened(path: str) -> Generator[Image]:
    """Read an image's descriptor; its disks are read while they are sent."""
    try:
        with tarfile.open(path) as archive:
            members = {member.name.removeprefix("./"): member for member in archive if member.isfile()}
            found = next((member for name, member in members.items() if name.endswith(".ovf")), None)
            source = archive.extractfile(found) if found is not None else None
            if source is None:
                raise CloudError(f"{path} holds no OVF descriptor: a stemcell of vsphere-ovf or vsphere-ova is needed")
            descriptor = source.read(MOST_DESCRIPTOR).decode()
            yield Image(descriptor, _networks(path, descriptor), archive, members)
    except (OSError, tarfile.TarError, EOFError) as error:
        raise CloudError(f"{path} is no OVA and no gzipped tar of an OVF: {error}") from error


class Counted:
    """A source that tells how much was read of it, so that a lease is kept alive."""

    def __init__(self, source: IO[bytes], tell: Callable[[int], None]) -> None:
        self._source = source
        self._tell = tell
        self._done = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = self._source.read(size)
        self._done += len(data)
        self._tell(self._done)
        return data


def as_file(counted: Counted) -> IO[bytes]:
    """To the HTTP client it is a file."""
    return cast("IO[bytes]", counted)


def _networks(path: str, descriptor: str) -> tuple[str, ...]:
    if "<!DOCTYPE" in descriptor or "<!ENTITY" in descriptor:
        raise CloudError(f"{path}: an OVF descriptor has no document type")
    try:
        root = ElementTree.fromstring(descriptor)  # noqa: S314 - entities were refused above
    except ElementTree.ParseError as error:
        raise CloudError(f"{path}: its OVF descriptor is no XML: {error}") from error
    section = root.find("{*}NetworkSection")
    found = section.findall("{*}Network") if section is not None else []
    return tuple(
        value for network in found for key, value in network.attrib.items() if key.rpartition("}")[2] == "name"
    )
