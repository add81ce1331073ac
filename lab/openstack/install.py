"""The services' own virtual environment: 180 packages by digest, made once for each lock file."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

from lab.errors import LabError
from lab.openstack import places
from lab.openstack.daemons import postgres_programs, rabbit_program
from lab.openstack.stack import Say

DONE = ".complete"


def install(say: Say) -> Path:
    """The environment's path; LabError when a Debian package or the packages cannot be had."""
    missing = [
        package
        for package, found in (
            ("postgresql", postgres_programs()),
            ("rabbitmq-server", rabbit_program()),
            ("qemu-utils", shutil.which("qemu-img")),
        )
        if not found
    ]
    if missing:
        raise LabError(f"the OpenStack lab needs the Debian packages {', '.join(missing)}: run bin/setup --clouds")
    venv = places.environment()
    venv.parent.mkdir(parents=True, exist_ok=True)
    with (venv.parent / "install.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if (venv / DONE).exists():
            return venv
        say("installing the OpenStack services (180 Python packages, 750 MB; about a minute)")
        shutil.rmtree(venv, ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(venv))
        pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        _run(*pip, "--no-deps", "--require-hashes", "-r", str(places.LOCK))
        (venv / DONE).touch()
    return venv


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise LabError(f"{' '.join(command[:4])} ..: {(done.stderr or done.stdout).strip()[-2000:]}")
