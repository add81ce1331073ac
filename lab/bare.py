"""The root tree of a bare Debian 12, with the machine's own package settings and nothing else of it."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import tempfile
from pathlib import Path

from lab.errors import LabError
from lab.programs import program

SUITE = "bookworm"
HOME = pwd.getpwuid(0).pw_dir
PIP_FILES = ["/etc/pip.conf", "/etc/xdg/pip/pip.conf", f"{HOME}/.config/pip/pip.conf", f"{HOME}/.pip/pip.conf"]
NETWORK_FILES = ["/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt"]


def unpack(root: Path, cache: Path) -> None:
    """A fresh tree at `root`: Debian's minbase and certificates, from a cached tar (made at first: about 20 s)."""
    archive = cache / f"bare-{SUITE}.tar"
    if not archive.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="bare-", dir=cache) as scratch:
            made = Path(scratch) / "root.tar"
            program(
                "mmdebstrap", "--variant=minbase", "--include=ca-certificates", "--dpkgopt=force-unsafe-io",
                SUITE, str(made), *(str(path) for path in apt_sources()),
            )  # fmt: skip
            made.rename(archive)
    root.mkdir(parents=True)
    program("tar", "-xf", str(archive), "--numeric-owner", "-C", str(root))


def apt_sources() -> list[Path]:
    """The machine's enabled apt sources; LabError when there are none."""
    etc = Path("/etc/apt")
    candidates = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]
    found = [path for path in candidates if path.is_file() and path.suffix in (".list", ".sources")]
    found = [path for path in found if path.read_text().strip()]
    if not found:
        raise LabError("/etc/apt: no sources; a bare Debian is made from where the machine installs from")
    return found


def copy_settings(root: Path) -> None:
    """Give the tree the machine's apt sources, its apt settings about the network, pip's settings, resolver and CAs."""
    listed = root / "etc/apt/sources.list.d"
    shutil.rmtree(listed, ignore_errors=True)
    listed.mkdir(parents=True)
    (root / "etc/apt/sources.list").unlink(missing_ok=True)
    settings = [
        path for path in Path("/etc/apt/apt.conf.d").glob("*") if path.is_file() and "Acquire" in path.read_text()
    ]
    keys = [path for path in Path("/etc/apt/keyrings").glob("*") if path.is_file()]
    files = [*apt_sources(), *settings, *keys, *map(Path, [*PIP_FILES, *NETWORK_FILES])]
    for file in files:
        if file.is_file():
            copy = root / file.relative_to("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)


def pip_paths() -> list[Path]:
    """Local files and folders that pip's settings name (link folders, file indexes, constraints): to be bound in."""
    words: list[str] = []
    for file in map(Path, PIP_FILES):
        if file.is_file():
            for line in file.read_text().splitlines():
                words += shlex.split(line.partition("=")[2], comments=True)
    for name, value in os.environ.items():
        if name.startswith("PIP_"):
            words += value.split()
    paths = {Path(word.removeprefix("file://")) for word in words if word.startswith(("/", "file:///"))}
    # A folder index (PEP 503) links to files beside its `simple`.
    whole = {path.parent if path.name == "simple" else path for path in paths}
    return sorted(path for path in whole if path.exists() and not path.is_relative_to("/etc/ssl"))


def environment() -> dict[str, str]:
    """A clean environment with pip's and the proxies' variables of this machine."""
    kept = {
        name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.lower().endswith("_proxy")
    }
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {**kept, "PATH": path, "HOME": "/root", "LANG": "C.UTF-8", "TERM": os.environ.get("TERM", "dumb")}
