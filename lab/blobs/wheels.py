"""Python wheels by lock, from the index that the machine's pip uses."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lab.errors import LabError


def fetch(lock: Path, cache: Path) -> list[Path]:
    """All wheels of the lock; pip checks their digests. Kept by the digest of the lock."""
    place = cache / "wheels" / hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    if not place.is_dir():
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
            command = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--no-deps"]
            command += ["--only-binary=:all:", "--require-hashes", "-r", str(lock), "-d", scratch]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode != 0:
                raise LabError(f"pip could not download {lock}: {done.stderr.strip()}")
            shutil.copytree(scratch, place)
    return sorted(place.glob("*.whl"))
