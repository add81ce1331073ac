from __future__ import annotations

import hashlib
import uuid
from pathlib import Path

import pytest

from director.adapters.blobs.folder import FolderBlobs
from director.model.errors import DirectorError, NotFound


async def test_put_and_path(blobs: FolderBlobs, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * 3_000_001)
    blob_id, digest = await blobs.put_file(source)
    assert str(uuid.UUID(blob_id)) == blob_id
    assert digest == "sha256:" + hashlib.sha256(source.read_bytes()).hexdigest()
    assert (await blobs.path(blob_id)).read_bytes() == source.read_bytes()
    assert await blobs.path(blob_id) == blobs.folder / blob_id
    assert await blobs.exists(blob_id)


async def test_chosen_id_is_replaced_whole(blobs: FolderBlobs) -> None:
    assert (await blobs.put_bytes(b"one", blob_id="chosen"))[0] == "chosen"
    opened = (await blobs.path("chosen")).open("rb")
    await blobs.put_bytes(b"two", blob_id="chosen")
    assert opened.read() == b"one"
    assert (await blobs.path("chosen")).read_bytes() == b"two"
    opened.close()


async def test_missing_and_deleted(blobs: FolderBlobs) -> None:
    blob_id, _ = await blobs.put_bytes(b"")
    await blobs.delete(blob_id)
    await blobs.delete(blob_id)
    assert not await blobs.exists(blob_id)
    with pytest.raises(NotFound) as caught:
        await blobs.path(blob_id)
    assert caught.value.code == 100002


@pytest.mark.parametrize("blob_id", ["../etc/passwd", "/etc/passwd", ".incoming-x", "a/b", "a\0b", "x" * 300])
async def test_ids_stay_inside_the_folder(blobs: FolderBlobs, blob_id: str) -> None:
    for call in (blobs.path, blobs.exists, blobs.delete):
        with pytest.raises(NotFound):
            await call(blob_id)
    with pytest.raises(NotFound):
        await blobs.put_bytes(b"x", blob_id=blob_id)


async def test_a_failed_put_leaves_nothing(blobs: FolderBlobs, tmp_path: Path) -> None:
    with pytest.raises(DirectorError, match="Cannot store a blob"):
        await blobs.put_file(tmp_path / "absent")
    assert list(blobs.folder.iterdir()) == []


def test_leftovers_of_a_crash_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".incoming-1").write_text("half")
    (tmp_path / "kept").write_text("whole")
    FolderBlobs(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["kept"]


def test_without_a_listener_agents_share_the_folder(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    assert blobs.agent_settings() == [{"provider": "local", "options": {"blobstore_path": str(tmp_path)}}]
    with pytest.raises(DirectorError, match="signs no URLs"):
        blobs.sign("x", "GET")
