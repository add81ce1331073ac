"""Builds the simulator out of Debian's govmomi, our patch and our main; kept by the digest of all three."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from lab.errors import LabError

HERE = Path(__file__).resolve().parent
SOURCE = Path("/usr/share/gocode/src/github.com/vmware/govmomi")
CACHE = Path(os.environ.get("MERISTEM_CACHE") or "/var/cache/meristem") / "vcsim"
PROGRAMS = ("go", "patch")


def simulator() -> Path:
    """The simulator's program; built when it is not there yet, which takes about a minute."""
    found = CACHE / _digest() / "vcsim"
    if found.exists():
        return found
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing or not SOURCE.is_dir():
        wanted = ", ".join(missing) or str(SOURCE)
        raise LabError(f"the vSphere lab needs {wanted}; run bin/setup --clouds, or install lab/apt/vsphere.txt")
    with tempfile.TemporaryDirectory(prefix="meristem-vcsim-") as scratch:
        built = _build(Path(scratch))
        found.parent.mkdir(parents=True, exist_ok=True)
        new = found.with_suffix(f".{os.getpid()}")
        shutil.copy2(built, new)
        new.rename(found)
    return found


def _digest() -> str:
    version = subprocess.run(
        ["dpkg-query", "-W", "golang-github-vmware-govmomi-dev", "golang-go"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    inputs = (HERE / "main.go").read_bytes(), (HERE / "govmomi.patch").read_bytes(), version.encode()
    return hashlib.sha256(b"\0".join(inputs)).hexdigest()[:16]


def _build(scratch: Path) -> Path:
    govmomi = scratch / "src/github.com/vmware/govmomi"
    shutil.copytree(SOURCE, govmomi, symlinks=True)
    main = scratch / "src/vcsim"
    main.mkdir()
    shutil.copy2(HERE / "main.go", main)
    _run(["patch", "-s", "-p1", "-i", str(HERE / "govmomi.patch")], govmomi, {**os.environ})
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": f"{scratch}:/usr/share/gocode",
        "GOCACHE": str(CACHE / "go"),
        "GOFLAGS": "-trimpath",
    }
    _run(["go", "build", "-o", str(scratch / "vcsim"), "."], main, environment)
    return scratch / "vcsim"


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-2000:]}")
