"""Target, login, organizations, spaces, users, quotas."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from tests.paas.client.site import Site
from tests.paas.client.terminal import Terminal


async def test_who_has_no_platform_is_told_what_to_do(site: Site, fresh: Terminal) -> None:
    assert "paas target URL" in await fresh("apps", refused="No platform is targeted.")
    assert "PAAS_CONNECT" in await fresh("target", "http://127.0.0.1:1", refused="127.0.0.1 cannot be reached")
    await fresh("target", f"{site.uaa.url}", refused="is not the API of a platform")
    assert f"api:   {site.controller.url}" in await fresh("target", site.controller.url)
    assert "paas login" in await fresh("orgs", refused="You are not logged in.")


async def test_log_in_and_out(site: Site, fresh: Terminal) -> None:
    await fresh("target", site.controller.url)
    await fresh("login", "-u", "admin", "-p", "wrong", refused="User name or password are wrong.")
    await fresh("login", refused="nobody is here to ask")
    await fresh("login", PAAS_USERNAME="admin", PAAS_PASSWORD=site.password)
    shown = await fresh.json("target")
    assert (shown["api"], shown["user"]) == (site.controller.url, "admin")
    file = fresh.home / "config.json"
    assert file.stat().st_mode & 0o077 == 0
    assert site.password not in file.read_text()
    assert "You are logged out." in await fresh("logout")
    await fresh("orgs", refused="You are not logged in.")


async def test_a_token_that_has_ended_is_renewed(site: Site, paas: Terminal) -> None:
    file = paas.home / "config.json"
    kept = json.loads(file.read_text())
    header, payload, signature = kept["access_token"].split(".")
    file.write_text(json.dumps({**kept, "access_token": f"{header}.{payload}.{signature[::-1]}"}))
    assert paas.org in await paas("orgs")
    assert json.loads(file.read_text())["access_token"] != f"{header}.{payload}.{signature[::-1]}"
    file.write_text(json.dumps({**kept, "access_token": "a.b.c", "refresh_token": "gone"}))
    assert "paas login" in await paas("orgs", refused="Your session has ended.")
    file.write_text(json.dumps(kept))


async def test_organizations_and_spaces(paas: Terminal) -> None:
    org = f"org-{os.urandom(4).hex()}"
    await paas("create-org", org)
    assert f"Organization {org} is there already." in await paas("create-org", org)
    await paas("create-space", "main", "-o", org)
    # the only space that there is gets targeted
    assert "space: main" in await paas("target", "-o", org)
    assert "Space main is there already." in await paas("create-space", "main")
    await paas("create-space", "second")
    assert (await paas("spaces")).split() == ["name", "main", "second"]
    assert [one["name"] for one in await paas.json("spaces")] == ["main", "second"]
    assert "main, second" in await paas("org", org)
    await paas("rename-space", "second", "third")
    assert "third" in await paas("target", "-s", "third")
    await paas("delete-space", "third", refused="Add -f.")
    await paas("delete-space", "third", "-f")
    assert "paas target -o ORG -s SPACE" in await paas("apps", refused="No space is targeted.")
    assert "Space third is not there." in await paas("delete-space", "third", "-f")
    assert "See: paas orgs" in await paas("target", "-o", "nowhere", refused="There is no organization 'nowhere'.")
    await paas("delete-org", org, "-f")
    assert org not in await paas("orgs")


async def test_users_and_roles(site: Site, paas: Terminal) -> None:
    user, password = f"ann-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
    assert f"User {user} is made." in await paas("create-user", user, password)
    assert f"User {user} is there already." in await paas("create-user", user, password)
    await paas("set-space-role", user, paas.org, paas.space, "Lord", refused="There is no role 'Lord' in a space.")
    await paas("set-space-role", user, paas.org, paas.space, "SpaceAuditor")
    assert {"user": user, "role": "SpaceAuditor"} in await paas.json("space-users", paas.org, paas.space)
    ann = site.terminal(paas.home.parent / "ann")
    await ann("target", site.controller.url)
    assert f"org:   {paas.org}" in await ann("login", "-u", user, "-p", password)
    await ann("apps")
    await ann("create-space", "own", refused="not authorized")
    await paas("unset-space-role", user, paas.org, paas.space, "SpaceAuditor")
    assert {"user": user, "role": "SpaceAuditor"} not in await paas.json("space-users", paas.org, paas.space)
    await paas("set-org-role", user, paas.org, "OrgManager")
    await ann("create-space", "own")
    await paas("unset-org-role", user, paas.org, "OrgManager")
    assert f"User {user} is deleted." in await paas("delete-user", user, "-f")
    await ann("login", "-u", user, "-p", password, refused="User name or password are wrong.")


async def test_quotas(paas: Terminal) -> None:
    name = f"small-{os.urandom(3).hex()}"
    await paas("create-org-quota", name, "-m", "1G", "-r", "100", "-s", "10")
    await paas("set-org-quota", paas.org, name)
    assert name in await paas("org", paas.org)
    line = next(line for line in (await paas("org-quotas")).splitlines() if line.startswith(name))
    assert line.split()[1:] == ["1G", "unlimited", "100", "10"]
    await paas("create-org-quota", name, "-m", "much", refused="'much' is no size.")
    await paas("update-org-quota", name, "-m", "2G")
    assert "2G" in next(line for line in (await paas("quotas")).splitlines() if line.startswith(name))
    await paas("set-org-quota", paas.org, "default")
    await paas("delete-org-quota", name, "-f")


async def test_domains_and_routes(paas: Terminal) -> None:
    domain = f"d{os.urandom(3).hex()}.test"
    assert "apps.test" in await paas("domains")
    await paas("create-domain", paas.org, domain)
    assert "private" in next(line for line in (await paas("domains")).splitlines() if line.startswith(domain))
    await paas("create-route", domain, "-n", "www")
    await paas("create-route", domain, "-n", "www")
    assert f"www.{domain}" in await paas("routes")
    await paas("delete-orphaned-routes", "-f")
    assert "No routes." in await paas("routes")
    await paas("map-route", "nothing", domain, refused="There is no app 'nothing' in space")
    await paas("delete-domain", domain, "-f")


async def test_words_that_are_not_understood(fresh: Terminal) -> None:
    process = await fresh.begin("pusch")
    told, _ = await process.communicate()
    assert process.returncode == 2
    assert b"No such command 'pusch'" in told


async def test_a_client_of_uaa_logs_in_by_itself(site: Site, fresh: Terminal) -> None:
    await fresh("target", site.controller.url)
    await fresh("auth", "registrar", "wrong", "--client-credentials", refused="FAILED")
    assert "You are logged in." in await fresh("auth", "registrar", "registrar-secret", "--client-credentials")
    assert "user:  registrar" in await fresh("target")
    await fresh("auth", refused="User name and password are wanted.")


async def test_buildpacks_and_stacks(paas: Terminal, tmp_path: Path) -> None:
    assert "cflinuxfs-deb12" in await paas("stacks")
    folder = tmp_path / "pack"
    (folder / "bin").mkdir(parents=True)
    for name in ("detect", "compile", "release"):
        (folder / "bin" / name).write_text("#!/bin/sh\n")
    name = f"pack{os.urandom(3).hex()}"
    await paas("create-buildpack", name, str(folder), "1", "--disable")
    row = next(one for one in await paas.json("buildpacks") if one["name"] == name)
    assert (row["position"], row["enabled"], row["filename"]) == (1, False, "pack.zip")
    await paas("update-buildpack", name, "--enable", "--lock", "-i", "1")
    await paas("update-buildpack", name, "-p", str(folder), refused="FAILED")
    await paas("update-buildpack", name, "-p", str(folder), "--unlock", "--rename", f"{name}-2")
    row = next(one for one in await paas.json("buildpacks") if one["name"] == f"{name}-2")
    assert (row["enabled"], row["locked"]) == (True, False)
    (tmp_path / "none").mkdir()
    await paas("create-buildpack", "empty", str(tmp_path / "none"), "1", refused="There is nothing in")
    await paas("delete-buildpack", "empty", "-f")
    await paas("delete-buildpack", f"{name}-2", "-f")
    assert name not in await paas("buildpacks")
