"""The public cf CLI v8 (``$CF_BIN``, built or had elsewhere) drives the platform, with real apps behind it: each form of a command is a case.

They build on each other, in this order. Names are found by a hosts file of this test alone: the lab has no name server.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.demo.record import TREE
from tests.paas.platform.cf_forms import FORMS, Form
from tests.paas.platform.platform_site import APPS, ROUTER, SYSTEM, Platform

PROGRAM = os.environ.get("CF_BIN", "")
if not PROGRAM:
    pytest.skip("CF_BIN is not set: the public cf CLI is in no package registry", allow_module_level=True)

PATIENCE = 20
Cf = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def cf(platform: Platform) -> Cf:
    hosts = platform.site.directory / "hosts"
    names = " ".join(f"{host}.{SYSTEM}" for host in ("api", "uaa", "login", "log-cache"))
    hosts.write_text(f"127.0.0.1 localhost\n{ROUTER} {names}\n")
    home = platform.site.directory / "cf-home"
    home.mkdir()

    def run(line: str) -> subprocess.CompletedProcess[str]:
        inner = f"mount --bind {shlex.quote(str(hosts))} /etc/hosts && exec {shlex.quote(PROGRAM)} {line}"
        return subprocess.run(
            platform.site.lab.command(["unshare", "-m", "sh", "-c", inner]),
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(home),
                "CF_HOME": str(home),
                "CF_COLOR": "false",
                "SSL_CERT_FILE": platform.environment()["PAAS_CA"],
            },
            cwd=Path("/"), check=False, capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    return run


def status(platform: Platform) -> int:
    """What the app's address answers."""
    words = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Host: cf-app.{APPS}", f"http://{ROUTER}/"]
    return int(subprocess.run(platform.site.lab.command(words), check=True, capture_output=True, text=True).stdout)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.line.replace(str(TREE), "")[:60])
def test_form(form: Form, cf: Cf, platform: Platform) -> None:
    done = cf(form.line)
    told = done.stdout + done.stderr
    assert (done.returncode != 0) == form.refused, f"exit status {done.returncode}\n{told}"
    assert form.says.lower() in told.lower()
    if form.answers:
        # an app that is stopped gets a moment to end its requests
        deadline = time.monotonic() + PATIENCE
        while (answered := status(platform)) != form.answers and time.monotonic() < deadline:
            time.sleep(0.1)
        assert answered == form.answers


def test_there_are_many_commands() -> None:
    assert len({form.line.split()[0] for form in FORMS}) >= 40
