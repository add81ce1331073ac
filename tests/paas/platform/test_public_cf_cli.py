"""The public cf CLI v8 (``$CF_BIN``, built or had elsewhere) drives the platform: each line is a form of a command that must succeed, or be refused.

Names are found by a hosts file of this test alone: the lab has no name server.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.demo.record import TREE
from tests.paas.platform.platform_site import ADMIN, APPS, ROUTER, SYSTEM, Platform

APPS_OF_ACCEPTANCE = TREE / "releases/paas/src/acceptance/apps"
Cf = Callable[..., str]

FORMS = f"""
api https://api.{SYSTEM} --skip-ssl-validation
auth admin {ADMIN}
create-org cf-org
orgs
create-space cf-space -o cf-org
target -o cf-org -s cf-space
org cf-org
space cf-space
spaces
create-user cf-user cf-password
set-space-role cf-user cf-org cf-space SpaceDeveloper
space-users cf-org cf-space
org-users cf-org
unset-space-role cf-user cf-org cf-space SpaceDeveloper
domains
buildpacks
stacks
feature-flags
marketplace
push cf-app -p {APPS_OF_ACCEPTANCE / "probe"} -m 128M -k 256M
app cf-app
apps
scale cf-app -i 2
events cf-app
logs cf-app --recent
env cf-app
set-env cf-app WORD said
unset-env cf-app WORD
create-route {APPS} --hostname cf-more
map-route cf-app {APPS} --hostname cf-more
routes
unmap-route cf-app {APPS} --hostname cf-more
delete-route {APPS} --hostname cf-more -f
create-service postgres small cf-db --wait
services
service cf-db
bind-service cf-app cf-db --wait
restart cf-app
unbind-service cf-app cf-db --wait
create-service-key cf-db cf-key --wait
service-keys cf-db
service-key cf-db cf-key
delete-service-key cf-db cf-key -f --wait
delete-service cf-db -f --wait
create-user-provided-service cf-own -p '{{"uri":"x://y"}}'
update-user-provided-service cf-own -p '{{"uri":"x://z"}}'
delete-service cf-own -f
create-app-manifest cf-app -p /dev/null
restart-app-instance cf-app 0
push cf-app -p {APPS_OF_ACCEPTANCE / "probe"} -m 128M -k 256M --strategy rolling
restage cf-app
stop cf-app
start cf-app
org-quotas
create-org-quota cf-quota -m 2G
delete-org-quota cf-quota -f
security-groups
delete cf-app -r -f
delete-user cf-user -f
delete-space cf-space -f
delete-org cf-org -f
logout
"""

REFUSED = {
    "target -o nobody": "not found",
    "app nobody": "not found",
    "create-service nothing small x": "not found",
}


@pytest.fixture(scope="module")
def cf(platform: Platform) -> Cf:
    program = os.environ.get("CF_BIN")
    if not program:
        pytest.skip("CF_BIN is not set: the public cf CLI is in no package registry")
    hosts = platform.site.directory / "hosts"
    names = " ".join(f"{host}.{SYSTEM}" for host in ("api", "uaa", "login", "log-cache"))
    hosts.write_text(f"127.0.0.1 localhost\n{ROUTER} {names}\n")
    home = platform.site.directory / "cf-home"
    home.mkdir()

    def run(line: str, status: int | None = 0) -> str:
        inner = f"mount --bind {shlex.quote(str(hosts))} /etc/hosts && exec {shlex.quote(program)} {line}"
        done = subprocess.run(
            platform.site.lab.command(["unshare", "-m", "sh", "-c", inner]),
            env={"PATH": os.environ["PATH"], "HOME": str(home), "CF_HOME": str(home), "CF_COLOR": "false"},
            cwd=Path("/"), check=False, capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if status is not None:
            assert done.returncode == status, f"cf {line}: {done.returncode}\n{done.stdout}{done.stderr}"
        else:
            assert done.returncode != 0, f"cf {line} was not refused\n{done.stdout}"
        return done.stdout + done.stderr

    return run


def test_all_forms_succeed(cf: Cf) -> None:
    forms = [line for line in FORMS.splitlines() if line]
    assert len({" ".join(form.split()[:1]) for form in forms}) >= 40
    for form in forms:
        if form.startswith("target -o"):
            for line, words in REFUSED.items():
                assert words in cf(line, None).lower()
        cf(form)
