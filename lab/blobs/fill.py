"""Puts the blobs into a release directory, below ``blobs/``, where the packages' specs look for them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from lab.blobs import debs, package_cache, stack, wheels
from lab.blobs.place import DEB_LOCK, ENGINES, WHEEL_LOCK, cache
from lab.errors import LabError


def fill(release: Path, say: Callable[[str], None]) -> None:
    """Everything that the packages name: engines, wheels, the stack, the package cache's first content."""
    fill_engines(release, say)
    put(stack.stack(say).archive, release / "blobs/stack/stack.tgz")
    packages = release / "blobs/package_cache/packages.tgz"
    if not packages.exists() or packages.stat().st_mtime < package_cache.package_cache(say).stat().st_mtime:
        package_cache.deliver(packages, say)


def fill_engines(release: Path, say: Callable[[str], None]) -> None:
    """Engines as ``blobs/ENGINE/*.deb`` and wheels as ``blobs/wheels/*.whl``; files that are there stay."""
    wanted: dict[Path, Path] = {}
    for deb, file in debs.fetch(debs.read_lock(DEB_LOCK), cache(), say).items():
        # the same name for whatever version: the package's fingerprint counts the content too
        wanted[release / "blobs" / deb.engine / f"{deb.name}.deb"] = file
    for wheel in wheels.fetch(WHEEL_LOCK, cache()):
        wanted[release / "blobs/wheels" / wheel.name] = wheel
    for engine in {path.parent for path in wanted}:
        engine.mkdir(parents=True, exist_ok=True)
        for old in set(engine.iterdir()) - set(wanted):
            old.unlink()
    for path, source in wanted.items():
        put(source, path)


def relock(stemcell: Path, say: Callable[[str], None]) -> None:
    """Write the engines' lock anew: what the archive has now, beside what the stemcell (a tarball) has."""
    told = subprocess.run(["tar", "xzOf", stemcell, "packages.txt"], check=False, capture_output=True, text=True)
    if told.returncode != 0:
        raise LabError(f"{stemcell}: no packages.txt in it: {told.stderr.strip()}")
    locked = debs.lock(debs.closure(ENGINES, told.stdout.splitlines()))
    text = "# engine package version architecture sha256; written by python -m lab.blobs relock\n"
    with tempfile.NamedTemporaryFile("w", dir=DEB_LOCK.parent, delete=False) as file:
        file.write(text + "".join(f"{deb.line()}\n" for deb in locked))
    os.replace(file.name, DEB_LOCK)
    DEB_LOCK.chmod(0o644)
    say(f"{DEB_LOCK.name}: {len(locked)} packages of {len({deb.engine for deb in locked})} engines")


def put(source: Path, path: Path) -> None:
    """The file `source` as `path` too: linked, or copied where that is another file system."""
    if path.exists() and os.path.samefile(path, source):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    try:
        os.link(source, path)
    except OSError:
        shutil.copyfile(source, path)
