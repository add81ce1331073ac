"""The public cf CLI v8 (``$CF_BIN``, built or had elsewhere) drives the platform, with real apps behind it: each form of a command is a case.

They build on each other, in this order. Names are found by a hosts file of this test alone: the lab has no name server.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.demo.record import TREE
from tests.paas.platform.platform_site import ADMIN, APPS, ROUTER, SYSTEM, Platform

PROGRAM = os.environ.get("CF_BIN", "")
if not PROGRAM:
    pytest.skip("CF_BIN is not set: the public cf CLI is in no package registry", allow_module_level=True)

PATIENCE = 20
PROBE = TREE / "releases/paas/src/acceptance/apps/probe"
Cf = Callable[..., "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True)
class Form:
    """A command line; words of what it prints; what the app's address answers afterwards, 0 for not asked; whether it is to be refused."""

    line: str
    says: str = ""
    answers: int = 0
    refused: bool = False


FORMS = [
    Form(f"api https://api.{SYSTEM}"),
    Form(f"auth admin {ADMIN}"),
    Form("create-org cf-org"),
    Form("orgs", says="cf-org"),
    Form("create-space cf-space -o cf-org"),
    Form("target -o nobody", says="not found", refused=True),
    Form("target -o cf-org -s cf-space"),
    Form("app nobody", says="not found", refused=True),
    Form("create-service nothing small x", says="could not be found", refused=True),
    Form("org cf-org", says="cf-space"),
    Form("space cf-space", says="cf-org"),
    Form("spaces", says="cf-space"),
    Form("create-user cf-user cf-password"),
    Form("set-space-role cf-user cf-org cf-space SpaceDeveloper"),
    Form("space-users cf-org cf-space", says="cf-user"),
    Form("org-users cf-org"),
    Form("unset-space-role cf-user cf-org cf-space SpaceDeveloper"),
    Form("domains", says=APPS),
    Form("buildpacks", says="python_buildpack"),
    Form("stacks"),
    Form("feature-flags"),
    Form("marketplace", says="postgres"),
    Form(f"push cf-app -p {PROBE} -m 128M -k 256M", answers=200),
    Form("app cf-app", says="running"),
    Form("apps", says="cf-app"),
    Form("scale cf-app -i 2", answers=200),
    Form("events cf-app", says="audit.app"),
    Form("logs cf-app --recent", says="APP"),
    Form("env cf-app", says="VCAP_APPLICATION"),
    Form("set-env cf-app WORD said"),
    Form("unset-env cf-app WORD"),
    Form(f"create-route {APPS} --hostname cf-more"),
    Form(f"map-route cf-app {APPS} --hostname cf-more", answers=200),
    Form("routes", says="cf-more"),
    Form(f"unmap-route cf-app {APPS} --hostname cf-more"),
    Form(f"delete-route {APPS} --hostname cf-more -f", answers=200),
    Form("create-service postgres small cf-db --wait"),
    Form("services", says="cf-db"),
    Form("service cf-db", says="create succeeded"),
    Form("bind-service cf-app cf-db --wait"),
    Form("restart cf-app", answers=200),
    Form("unbind-service cf-app cf-db --wait", answers=200),
    Form("create-service-key cf-db cf-key --wait"),
    Form("service-keys cf-db", says="cf-key"),
    Form("service-key cf-db cf-key", says="uri"),
    Form("delete-service-key cf-db cf-key -f --wait"),
    Form("delete-service cf-db -f --wait"),
    Form('create-user-provided-service cf-own -p \'{"uri":"x://y"}\''),
    Form('update-user-provided-service cf-own -p \'{"uri":"x://z"}\''),
    Form("delete-service cf-own -f"),
    Form("create-app-manifest cf-app -p /dev/null"),
    Form("restart-app-instance cf-app 0"),
    Form(f"push cf-app -p {PROBE} -m 128M -k 256M --strategy rolling", answers=200),
    Form("restage cf-app", answers=200),
    Form("stop cf-app", answers=404),
    Form("start cf-app", answers=200),
    Form("org-quotas", says="default"),
    Form("create-org-quota cf-quota -m 2G"),
    Form("delete-org-quota cf-quota -f"),
    Form("security-groups"),
    Form("delete cf-app -r -f", answers=404),
    Form("delete-user cf-user -f"),
    Form("delete-space cf-space -f"),
    Form("delete-org cf-org -f"),
    Form("logout"),
]


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
