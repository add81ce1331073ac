"""Stemcells: images in glance, uploaded (heavy) or only named (light)."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from cpi.contract import CloudError, Json, StemcellNotFound
from cpi.openstack import marks
from cpi.openstack.batch import Document
from cpi.openstack.cleanup import undone
from cpi.openstack.cloud import Cloud
from cpi.openstack.marks import Mark
from cpi.openstack.properties import StemcellProperties
from cpi.openstack.refusals import AnswerLost, Refused, told

LIGHT = " light"
"""Ends the CID of a light stemcell: its image is not ours to delete."""
UPLOADS = 3
OWN = frozenset({
    "id", "name", "status", "visibility", "owner", "size", "virtual_size", "checksum", "protected", "tags", "file",
    "schema", "self", "locations", "direct_url", "stores", "created_at", "updated_at", "deleted", "deleted_at",
    "is_public", "min_disk", "min_ram", "container_format", "disk_format", "hidden", "os_hidden", "os_hash_algo",
    "os_hash_value",
})  # fmt: skip
"""Words that glance keeps for itself: a tag of this name becomes `tag_NAME`."""
QCOW2 = b"QFI\xfb"


def create(cloud: Cloud, image_path: str, properties: Json, env: Json) -> str:
    """Upload the image, or look at the one that is named."""
    wanted = StemcellProperties.parse(properties)
    if wanted.image_id:
        with told(f"light stemcell of image '{wanted.image_id}'", StemcellNotFound):
            active(cloud, wanted.image_id)
        return wanted.image_id + LIGHT
    path = Path(image_path)
    if not path.is_file() or path.stat().st_size == 0:
        raise CloudError(f"stemcell image {image_path} is missing or empty; a light stemcell names its image_id")
    mark = Mark("stemcell", cloud.call.key)
    with told(f"create stemcell '{wanted.name}'"):
        made = _by_mark(cloud, mark)
        if made is not None and made["status"] == "active":
            return str(made["id"])
        if made is not None:
            cloud.glance.delete(f"/images/{made['id']}")
        image = marks.create(
            cloud.call,
            mark,
            lambda: _declare(cloud, wanted, wanted.disk_format or _format_of(path), mark, env),
            lambda: _by_mark(cloud, mark),
            "create the image",
        )
        cid = str(image["id"])
        with undone(f"create stemcell '{wanted.name}'", f"image {cid}", lambda: cloud.glance.delete(f"/images/{cid}")):
            _upload(cloud, cid, path)
        cloud.call.log(f"stemcell '{wanted.name}' is image {cid}")
        return cid


def delete(cloud: Cloud, cid: str) -> None:
    """Remove an uploaded image; one that was only named stays."""
    if cid.endswith(LIGHT):
        return
    with told(f"delete stemcell '{cid}'"):
        cloud.glance.delete(f"/images/{cid}")


def find(cloud: Cloud, key: str) -> str | None:
    """The whole image of this key; one whose upload was broken off is removed."""
    with told(f"find stemcell of key '{key}'"):
        mark = Mark("stemcell", key)
        found = marks.settled(cloud.call, lambda: _by_mark(cloud, mark))
        if found is None:
            return None
        if found["status"] == "active":
            return str(found["id"])
        cloud.call.log(f"image {found['id']} was not finished: it is removed")
        cloud.glance.delete(f"/images/{found['id']}")
        return None


def active(cloud: Cloud, cid: str) -> Document:
    """The image of a stemcell, ready for use."""
    number = cid.removesuffix(LIGHT)
    image = cloud.glance.find(f"/images/{number}")
    if image is None:
        raise StemcellNotFound(f"stemcell '{cid}': glance at {cloud.glance.where()} has no image {number}")
    if image["status"] != "active":
        raise CloudError(f"stemcell '{cid}': image {number} is {image['status']}, not active")
    return image


def _by_mark(cloud: Cloud, mark: Mark) -> Document | None:
    found = cloud.glance.pages("/images", "images", {marks.KEY: mark.text})
    return next((one for one in found if one["status"] == "active"), None) or marks.first(found)


def _declare(cloud: Cloud, wanted: StemcellProperties, disk_format: str, mark: Mark, env: Json) -> Document:
    tags = cast("dict[str, object]", env.get("tags") or {})
    shown = marks.clean({key: str(value) for key, value in tags.items()})
    extra = {f"tag_{key}" if key in OWN else key: value for key, value in shown.items()}
    body = {
        **{key: value for key, value in extra.items() if key not in wanted.image},
        **wanted.image,
        "name": wanted.name,
        "disk_format": disk_format,
        "container_format": wanted.container_format,
        "visibility": "public" if cloud.config.public_stemcells else "private",
        **marks.metadata_of(cloud.call, mark),
    }
    return cloud.glance.post("/images", body)


def _format_of(path: Path) -> str:
    with _disk_of(path) as (data, _):
        return "qcow2" if data.read(len(QCOW2)) == QCOW2 else "raw"


def _upload(cloud: Cloud, cid: str, path: Path) -> None:
    for left in reversed(range(UPLOADS)):
        try:
            with _disk_of(path) as (data, size):
                cloud.glance.upload(f"/images/{cid}/file", cast("IO[bytes]", Sized(data, size)))
        except AnswerLost:
            if active_now(cloud, cid):
                return
            if not left:
                raise
        except Refused as refused:
            # an upload broken off leaves the image saving, or queued again
            if refused.status != 409 or not active_now(cloud, cid):
                raise
        else:
            if not active_now(cloud, cid):
                raise CloudError(f"image {cid} is not active after its upload; see glance's log")
            return


def active_now(cloud: Cloud, cid: str) -> bool:
    """Whether the image is whole."""
    found = cloud.glance.find(f"/images/{cid}")
    return found is not None and found["status"] == "active"


class Sized:
    """A stream whose length is known, so that it is sent as one body and not in chunks."""

    def __init__(self, data: IO[bytes], size: int) -> None:
        self._data = data
        self._size = size

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = -1) -> bytes:
        """The next bytes; large steps, as each is a call of the HTTP library's."""
        return self._data.read(max(size, 1 << 20) if size > 0 else size)


@contextmanager
def _disk_of(path: Path) -> Generator[tuple[IO[bytes], int]]:
    """The disk inside a stemcell's image (an archive with root.img), or the file itself where it is a disk already."""
    with path.open("rb") as raw:
        head = raw.read(512)
    if head[:2] != b"\x1f\x8b" and head[257:262] != b"ustar":
        with path.open("rb") as raw:
            yield raw, os.fstat(raw.fileno()).st_size
        return
    with tarfile.open(path, "r|*") as archive:  # read once through: nothing is unpacked to disk
        for member in archive:
            if member.isfile():
                data = archive.extractfile(member)
                assert data is not None
                yield data, member.size
                return
    raise CloudError(f"stemcell image {path} is an archive without a disk")
