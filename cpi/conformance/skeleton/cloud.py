"""The cloud behind the plugin: JSON files in a directory. Put your cloud's client in its place, one method after the other."""

from __future__ import annotations

import fcntl
import hashlib
import json
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

Item = dict[str, object]


class Cloud:
    """Objects by kind and CID. A CID follows from the caller's key, so what was made under a key is found without a search."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @contextmanager
    def locked(self) -> Generator[None]:
        """Hold the whole cloud against other calls, of other processes too; the lock of a dead one is free."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._directory / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @staticmethod
    def cid(kind: str, key: str | None) -> str:
        """The CID of a key; without one, a new one."""
        digest = hashlib.sha256((key or str(uuid.uuid4())).encode()).hexdigest()
        return f"{kind}-{digest[:20]}"

    def get(self, kind: str, cid: str) -> Item | None:
        """What is known of an object, None if there is none."""
        try:
            return json.loads(self._path(kind, cid).read_text())
        except FileNotFoundError:
            return None

    def put(self, kind: str, cid: str, item: Item) -> None:
        """Make or change an object, in one moment."""
        path = self._path(kind, cid)
        path.parent.mkdir(exist_ok=True)
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps(item))
        draft.rename(path)

    def drop(self, kind: str, cid: str) -> None:
        """Remove it; quietly when it is gone."""
        self._path(kind, cid).unlink(missing_ok=True)

    def cids(self, kind: str) -> list[str]:
        """All of a kind."""
        return sorted(path.stem for path in (self._directory / kind).glob("*.json"))

    def _path(self, kind: str, cid: str) -> Path:
        return self._directory / kind / f"{cid.replace('/', '_')}.json"
