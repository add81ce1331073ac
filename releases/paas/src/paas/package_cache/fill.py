"""``python3 -m paas.package_cache.fill ROOT [--requirements FILE]… [--npm-lock FILE]…``: fetches what lock files name, by pip and npm as they are set up here.

Wheels are those of the stack's Python, whatever Python runs this. What is there already is not fetched again.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from paas.package_cache import npm, simple
from paas.package_cache.index import index

PYTHON = "3.11.2"
PLATFORMS = ("manylinux_2_36_x86_64", "manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
AT_ONCE = 60
"""Packages that one npm process is told to fetch."""


class FillError(Exception):
    """Something could not be fetched; says what, and what pip or npm said."""


def fill(root: Path, requirements: list[Path], npm_locks: list[Path]) -> None:
    """Put into `root` what the files name, and write the indexes."""
    root.mkdir(parents=True, exist_ok=True)
    for file in requirements:
        _pip(root, file)
    wanted = {one for lock in npm_locks for one in locked(lock)}
    _npm(root, sorted(wanted))
    index(root)


def locked(lock: Path) -> list[tuple[str, str, str]]:
    """(name, version, integrity) of all packages of a package-lock.json of version 2 or 3."""
    try:
        document = msgspec.json.decode(lock.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError) as error:
        raise FillError(f"{lock}: {error}") from None
    packages = document.get("packages")
    if not isinstance(packages, dict):
        raise FillError(
            f"{lock}: no `packages` in it; write it anew with npm 7 or later (npm install --package-lock-only)"
        )
    found: list[tuple[str, str, str]] = []
    for path, one in packages.items():
        if not path or one.get("link") or not one.get("integrity"):
            continue
        name = one.get("name") or path.rpartition("node_modules/")[2]
        found.append((name, one["version"], one["integrity"]))
    return found


def _pip(root: Path, requirements: Path) -> None:
    with tempfile.TemporaryDirectory(dir=root) as scratch:
        command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "-d", scratch]
        command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", PYTHON]
        command += [word for platform in PLATFORMS for word in ("--platform", platform)]
        _run([*command, "-r", str(requirements)])
        for file in Path(scratch).iterdir():
            shelf = root / "simple" / simple.project_of(file.name)
            shelf.mkdir(parents=True, exist_ok=True)
            file.rename(shelf / file.name)


def _npm(root: Path, wanted: list[tuple[str, str, str]]) -> None:
    missing = [one for one in wanted if not npm.place(root, one[0], one[1]).is_file()]
    for begin in range(0, len(missing), AT_ONCE):
        batch = missing[begin : begin + AT_ONCE]
        digests = {(name, version): digest for name, version, digest in batch}
        with tempfile.TemporaryDirectory(dir=root) as scratch:
            specs = [f"{name}@{version}" for name, version, _ in batch]
            _run(["npm", "pack", "--silent", "--pack-destination", scratch, *specs])
            for file in Path(scratch).glob("*.tgz"):
                found = npm.manifest(file)
                name, version = found["name"], found["version"]
                wanted_digest = digests.pop((name, version), None)
                if wanted_digest is None:
                    raise FillError(f"npm fetched {name}@{version}, which no lock file names")
                if npm.integrity(file) not in wanted_digest.split() and wanted_digest.startswith("sha512-"):
                    raise FillError(f"{name}@{version}: {npm.integrity(file)}, the lock file has {wanted_digest}")
                target = npm.place(root, name, version)
                target.parent.mkdir(parents=True, exist_ok=True)
                file.rename(target)
        if digests:
            raise FillError(f"npm did not fetch {', '.join(f'{name}@{version}' for name, version in digests)}")


def _run(command: list[str]) -> None:
    if shutil.which(command[0]) is None:
        raise FillError(f"{command[0]} is not installed")
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise FillError(f"{command[0]} failed: {(done.stderr.strip() or done.stdout.strip())[-2000:]}")


def main() -> int:
    """Fill, and say what is there."""
    parser = argparse.ArgumentParser(prog="python3 -m paas.package_cache.fill")
    parser.add_argument("root", type=Path)
    parser.add_argument("--requirements", type=Path, action="append", default=[], metavar="FILE")
    parser.add_argument("--npm-lock", type=Path, action="append", default=[], metavar="FILE")
    options = parser.parse_args()
    try:
        fill(options.root, options.requirements, options.npm_lock)
        count = index(options.root)
    except (FillError, npm.TarballError, ValueError, OSError) as error:
        print(f"package_cache: {error}", file=sys.stderr)
        return 1
    print(f"package_cache: {count.simple} files for pip, {count.npm} for npm, {count.gems} gems")
    return 0


if __name__ == "__main__":
    sys.exit(main())
