"""The package cache's first content: what applications of the tutorial and of the acceptance tests need, by lock files, kept by their digest."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from lab.blobs import npm
from lab.blobs.place import RELEASE, cache
from lab.errors import LabError
from stemcells.overlay import EPOCH

LOCKS = RELEASE / "config/package_cache"
FILES = ("python.lock", "package-lock.json")
INDEXES = ("index.html", "index.json")
"""Written anew where the cache is served."""


def package_cache(say: Callable[[str], None], place: Path | None = None) -> Path:
    """A directory with ``simple`` and ``npm`` as the package cache serves them; LabError says what pip or npm said."""
    digest = hashlib.sha256(b"\0".join((LOCKS / name).read_bytes() for name in FILES)).hexdigest()[:16]
    place = place or cache() / "package_cache"
    finished = place / digest
    place.mkdir(parents=True, exist_ok=True)
    with (place / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not finished.is_dir():
            say("fetching packages by pip and npm")
            with tempfile.TemporaryDirectory(dir=place) as scratch:
                command = [sys.executable, "-m", "paas.package_cache.fill", f"{scratch}/root"]
                command += ["--requirements", str(LOCKS / FILES[0]), "--npm-lock", str(LOCKS / FILES[1])]
                environment = {**npm.environment(place), "PYTHONPATH": str(RELEASE / "src")}
                done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
                if done.returncode != 0:
                    raise LabError(done.stderr.strip() or done.stdout.strip())
                for old in place.glob("[0-9a-f]" * 16):
                    shutil.rmtree(old, ignore_errors=True)
                (Path(scratch) / "root").rename(finished)
    return finished


def deliver(out: Path, say: Callable[[str], None]) -> None:
    """The content as the file `out`, a tar.gz that is the same for the same locks."""
    root = package_cache(say)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for file in sorted(path for path in root.rglob("*") if path.is_file() and path.name not in INDEXES):
            info = tarfile.TarInfo(file.relative_to(root).as_posix())
            info.size, info.mtime, info.mode = file.stat().st_size, EPOCH, 0o644
            with file.open("rb") as reading:
                archive.addfile(info, reading)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    temporary.write_bytes(gzip.compress(buffer.getvalue(), 1, mtime=0))
    os.replace(temporary, out)
