"""Debian packages by lock: their closure beside a stemcell's packages, and their files from the machine's own apt sources."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError

INSTALLED = re.compile(r"^Inst (\S+) \((\S+) .*\[(\S+)\]\)")


@dataclass(frozen=True)
class Deb:
    """A package in the lock; `sha256` in hex."""

    engine: str
    name: str
    version: str
    architecture: str
    sha256: str

    def line(self) -> str:
        """The lock's line."""
        return f"{self.engine} {self.name} {self.version} {self.architecture} {self.sha256}"


def read_lock(path: Path) -> list[Deb]:
    """All packages of the lock, in its order."""
    lines = (line.split() for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return [Deb(*words) for words in lines]


def closure(engines: Path, stemcell_packages: Iterable[str]) -> list[tuple[str, str, str, str]]:
    """(engine, name, version, architecture) of what each engine needs beside the stemcell's ``name version architecture`` lines."""
    wanted = tomllib.loads(engines.read_text())
    found: list[tuple[str, str, str, str]] = []
    with tempfile.NamedTemporaryFile("w", suffix=".status") as status:
        for line in stemcell_packages:
            name, version, architecture = line.split()
            status.write(
                f"Package: {name.partition(':')[0]}\nStatus: install ok installed\nVersion: {version}\n"
                f"Architecture: {architecture}\nMulti-Arch: same\n\n"
            )
        status.flush()
        for engine, words in wanted.items():
            command = ["apt-get", "-s", "-o", f"Dir::State::status={status.name}", "install", "--no-install-recommends"]
            told = _apt([*command, *words["with"]])
            left_out = set(words.get("without", []))
            for line in told.splitlines():
                match = INSTALLED.match(line)
                if match and match[1].partition(":")[0] not in left_out:
                    found.append((engine, match[1].partition(":")[0], match[2], match[3]))
    return found


def fetch(wanted: list[Deb], cache: Path, say: Callable[[str], None]) -> dict[Deb, Path]:
    """The packages' files, from the cache or from apt; where the archive has only a later version, that one, and it is said."""
    places = {
        deb: cache / "debs" / f"{deb.name}_{deb.version.replace(':', '%3a')}_{deb.architecture}.deb" for deb in wanted
    }
    for deb, place in places.items():
        if not place.is_file() and _instead(place).is_file():
            places[deb] = _instead(place)
    missing = [deb for deb, place in places.items() if not place.is_file()]
    if missing:
        (cache / "debs").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache / "debs") as scratch:
            _download_locked(missing, Path(scratch))
            for deb in missing:
                place = places[deb]
                file = Path(scratch) / place.name
                if file.is_file():
                    check(file, deb)
                else:
                    say(
                        f"{deb.name} {deb.version} is not in the archive any more; taking what is (python -m lab.blobs relock)"
                    )
                    file = _download_present(deb.name, Path(scratch))
                    places[deb] = place = _instead(place)  # the next time nothing is asked
                os.replace(file, place)
    return places


def _instead(place: Path) -> Path:
    """Where the present version of a package is kept whose locked one the archive has no more."""
    return place.with_suffix(".instead.deb")


def check(file: Path, deb: Deb) -> None:
    """LabError when the file is not what was locked."""
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != deb.sha256:
        raise LabError(f"{file.name}: SHA-256 is {found}, the lock has {deb.sha256}; nothing is used of it")


def lock(packages: Iterable[tuple[str, str, str, str]]) -> list[Deb]:
    """The packages with the digests of their files as the archive has them now."""
    with tempfile.TemporaryDirectory() as scratch:
        locked: list[Deb] = []
        for engine, name, version, architecture in packages:
            file = _download_present(f"{name}={version}", Path(scratch))
            locked.append(Deb(engine, name, version, architecture, hashlib.sha256(file.read_bytes()).hexdigest()))
        return locked


def _download_locked(wanted: list[Deb], into: Path) -> None:
    names = sorted({f"{deb.name}={deb.version}" for deb in wanted})
    try:
        _download(names, into)
    except LabError:  # one that is gone stops apt before the first; the others are had one by one
        for name in names:
            with contextlib.suppress(LabError):
                _download([name], into)


def _download_present(what: str, into: Path) -> Path:
    with tempfile.TemporaryDirectory(dir=into) as scratch:
        _download([what], Path(scratch))
        file = next(Path(scratch).glob("*.deb"))
        return Path(shutil.move(file, into / file.name))


def _download(what: list[str], into: Path) -> None:
    # apt checks the files against the archive's signed index; its sandbox user cannot write here
    _apt(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *what], into)


def _apt(command: list[str], directory: Path | None = None) -> str:
    done = subprocess.run(command, cwd=directory, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise LabError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
