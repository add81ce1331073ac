"""Push: from files to running instances, with what goes wrong on the way."""

from __future__ import annotations

import asyncio
import io
import time
import zipfile
from pathlib import Path

import httpx2
import pytest
from paas.bus.client import Bus
from paas.messages.log import LogLine, LogLines
from paas.messages.staging import StageReply

from tests.paas.client.site import Site
from tests.paas.client.terminal import Terminal
from tests.paas.cloud_controller.peers import DeaPeer, StagerPeer


@pytest.fixture(autouse=True)
async def buildpack(paas: Terminal, tmp_path: Path) -> None:
    """One of the platform's, which all tests share."""
    if "static_buildpack" not in await paas("buildpacks"):
        folder = tmp_path / "buildpack"
        for name in ("detect", "compile", "release"):
            (folder / "bin").mkdir(parents=True, exist_ok=True)
            (folder / "bin" / name).write_text("#!/bin/sh\n")
        await paas("create-buildpack", "static_buildpack", str(folder), "1")


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An app's folder."""
    folder = tmp_path / "app"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<h1>hello</h1>")
    (folder / "assets/large.txt").write_text("large " * 20000)
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("index.html")
    (folder / ".cfignore").write_text("secret*\n*.log\n!keep.log\n/assets/cache/\n")
    for name in ("secret.txt", "a.log", "keep.log"):
        (folder / name).write_text(name)
    (folder / "assets/cache").mkdir()
    (folder / "assets/cache/x").write_text("x")
    return folder


async def package(stager: StagerPeer) -> zipfile.ZipFile:
    """What the stager was given last."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        answer = await http.get(stager.requests[-1].download_uri)
    return zipfile.ZipFile(io.BytesIO(answer.raise_for_status().content))


async def test_files_become_an_app_that_runs(paas: Terminal, app: Path, dea: DeaPeer, stager: StagerPeer) -> None:
    name = f"demo-{paas.space}"
    told = await paas("push", name, "-p", str(app), "-i", "2", "-m", "64M", "-k", "128M", "--env", "COLOUR=red")
    assert "Sending 5 of 5 files" in told
    assert "2 of 2 instances run" in told
    assert f"{name}.apps.test" in told.split()
    held = await package(stager)
    assert sorted(held.namelist()) == ["assets/large.txt", "index.html", "keep.log", "link", "run.sh"]
    assert held.getinfo("run.sh").external_attr >> 16 & 0o777 == 0o755
    assert held.read("link") == b"index.html"
    start = dea.instances[0].start
    assert (start.limits.mem, start.limits.disk, start.uris) == (64, 128, [f"{name}.apps.test"])
    assert "COLOUR=red" in start.env

    assert (await paas("apps")).splitlines()[1].split() == [name, "started", "web:", "2/2", "64M", f"{name}.apps.test"]
    shown = await paas.json("app", name)
    assert [one["state"] for one in shown["processes"][0]["stats"]] == ["RUNNING", "RUNNING"]
    assert "red" in await paas("env", name)
    # large files that the platform has are not sent again
    (app / "index.html").write_text("<h1>again</h1>")
    told = await paas("push", name, "-p", str(app))
    assert "Sending 4 of 5 files" in told and "1 are known" in told
    assert (await package(stager)).read("assets/large.txt") == (app / "assets/large.txt").read_bytes()
    assert "2 of 2 instances run" in told

    told = await paas("events", name)
    assert "audit.app" in told and "admin" in told
    await paas("delete", name, "-r", "-f")
    assert "No apps." in await paas("apps")
    assert "No routes." in await paas("routes")


async def test_the_manifest_and_what_the_command_line_adds(
    paas: Terminal, app: Path, dea: DeaPeer, stager: StagerPeer, tmp_path: Path
) -> None:
    name = f"m-{paas.space}"
    (tmp_path / "manifest.yml").write_text(
        f"""
applications:
- name: {name}
  path: app
  instances: ((count))
  memory: 32M
  env: {{COLOUR: green, SIZE: 7}}
  routes: [{{route: {name}.apps.test}}, {{route: also-{name}.apps.test}}]
- name: other
  path: app
"""
    )
    assert "wants variables: count." in await paas("push", refused="FAILED", here=tmp_path)
    await paas("push", name, "--var", "count=1", "-m", "48M", "--env", "SHAPE=round", here=tmp_path)
    start = dea.instances[0].start
    assert start.limits.mem == 48
    assert {"COLOUR=green", "SIZE=7", "SHAPE=round"} <= set(start.env)
    assert sorted(start.uris) == [f"also-{name}.apps.test", f"{name}.apps.test"]
    assert "It has:" in await paas("push", "third", "--var", "count=1", refused="has no app 'third'", here=tmp_path)
    await paas("push", "--var", "count=1", "-c", "x", refused="Name the app", here=tmp_path)
    (tmp_path / "manifest.yml").write_text("applications: {")
    await paas("push", refused="is not YAML", here=tmp_path)
    # the platform's own words about a manifest that it does not take
    (tmp_path / "manifest.yml").write_text(f"applications: [{{name: {name}, path: app, memory: lots}}]")
    assert "emory" in await paas("push", refused="FAILED", here=tmp_path)


async def test_the_stagings_log_is_told_as_it_comes(
    paas: Terminal, app: Path, dea: DeaPeer, stager: StagerPeer, bus: Bus
) -> None:
    stager.hold = asyncio.Event()
    name = f"log-{paas.space}"
    process = await paas.begin("push", name, "-p", str(app))
    assert process.stdout is not None
    told = b""
    while b"Staging" not in told:
        told += await asyncio.wait_for(process.stdout.readline(), 30)
    while not stager.requests:
        await asyncio.sleep(0.02)
    guid = stager.requests[0].app_id
    lines = [LogLine(at=time.time_ns(), text="Installing what it needs")]
    await bus.publish(f"log.{guid}", LogLines(app=guid, source="STG", lines=lines))
    while b"Installing what it needs" not in told:
        told += await asyncio.wait_for(process.stdout.readline(), 30)
    stager.hold.set()
    rest, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, rest
    assert "Installing what it needs" in await paas("logs", name, "--recent")


async def test_a_staging_that_fails(paas: Terminal, app: Path, dea: DeaPeer, stager: StagerPeer) -> None:
    stager.answer = lambda asked: StageReply(
        task_id=asked.task_id, finished=True, error="no buildpack fits", error_type="NoAppDetectedError"
    )
    name = f"bad-{paas.space}"
    told = await paas("push", name, "-p", str(app), refused="The staging failed:")
    assert "no buildpack fits" in told
    assert f"paas logs {name} --recent" in told
    assert dea.instances == []


async def test_without_start(paas: Terminal, app: Path, dea: DeaPeer, stager: StagerPeer) -> None:
    name = f"later-{paas.space}"
    assert f"paas start {name}" in await paas("push", name, "-p", str(app), "--no-start", "--no-route")
    assert dea.instances == []
    assert "1 of 1 instances run" in await paas("start", name)
    assert dea.instances[0].start.uris == []
    assert "started already" in await paas("start", name)


async def test_what_cannot_be_pushed(paas: Terminal, tmp_path: Path) -> None:
    await paas("push", refused="no manifest here")
    await paas("push", "x", "-p", str(tmp_path / "nowhere"), refused="There is nothing at")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert ".cfignore" in await paas("push", "x", "-p", str(empty), refused="There is nothing to push")
    (empty / "file").write_text("x")
    await paas("push", "x", "-p", str(empty / "file"), refused="is neither a folder nor an archive")
    assert "has no files yet" in await paas("start", "x", refused="FAILED")


async def test_an_archive_is_pushed_as_it_is(
    paas: Terminal, app: Path, tmp_path: Path, dea: DeaPeer, stager: StagerPeer
) -> None:
    archive = tmp_path / "app.jar"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("META-INF/MANIFEST.MF", "Main-Class: A\n")
    await paas("push", f"jar-{paas.space}", "-p", str(archive), "--no-wait")
    assert (await package(stager)).namelist() == ["META-INF/MANIFEST.MF"]


async def test_lifecycle(paas: Terminal, app: Path, dea: DeaPeer, stager: StagerPeer, site: Site) -> None:
    name = f"cycle-{paas.space}"
    await paas("push", name, "-p", str(app), "-m", "64M")
    guid = (await paas("app", name, "--guid")).strip()
    await paas("scale", name, "-i", "3")
    await dea.until(lambda: len(dea.instances) == 3)
    assert "instances: 3" in await paas("scale", name)
    await paas("scale", name, "-m", "96M", refused="Add -f.")
    assert "3 of 3 instances run" in await paas("scale", name, "-m", "96M", "-f")
    assert {one.start.limits.mem for one in dea.instances} == {96}

    assert "paas restart" in await paas("set-env", name, "WORD", "kept=x")
    await paas("restart", name)
    assert "WORD=kept=x" in dea.instances[0].start.env
    await paas("unset-env", name, "WORD")
    staged = len(stager.requests)
    await paas("restage", name)
    assert len(stager.requests) == staged + 1
    assert not [one for one in dea.instances[0].start.env if one.startswith("WORD=")]

    await paas("stop", name)
    await dea.until(lambda: dea.instances == [])
    assert " stopped " in await paas("apps")
    await paas("start", name)
    first = {one.guid for one in dea.instances}
    await paas("restart-app-instance", name, "0")
    assert len(first) == 3

    await paas("map-route", name, "apps.test", "-n", f"also-{name}")
    assert f"also-{name}.apps.test" in await paas("app", name)
    await paas("unmap-route", name, "apps.test", "-n", f"also-{name}")
    await paas("delete-route", "apps.test", "-n", f"also-{name}", "-f")
    assert f"also-{name}" not in await paas("routes")
    await paas("rename", name, f"{name}-2")
    assert (await paas("app", f"{name}-2", "--guid")).strip() == guid
    target = paas.home.parent / "made.yml"
    await paas("create-app-manifest", f"{name}-2", "-p", str(target))
    assert f"name: {name}-2" in target.read_text()
    assert guid in await paas("curl", f"/v3/apps/{guid}")
    assert "See: paas apps" in await paas("app", name, refused=f"There is no app '{name}' in space")


async def test_one_log_follows_the_app(paas: Terminal, app: Path, dea: DeaPeer, stager: StagerPeer, bus: Bus) -> None:
    name = f"said-{paas.space}"
    await paas("push", name, "-p", str(app))
    guid = (await paas("app", name, "--guid")).strip()

    async def write(text: str, stream: str = "OUT") -> None:
        lines = [LogLine(at=time.time_ns(), text=text, stream=stream)]  # type: ignore[arg-type]
        await bus.publish(f"log.{guid}", LogLines(app=guid, source="APP/PROC/WEB", instance="1", lines=lines))
        await bus.flush()

    await write("before", "ERR")
    process = await paas.begin("logs", name)
    assert process.stdout is not None
    told = b""
    try:
        for _ in range(300):  # it tells from its own start on, which nobody else sees
            await write("after")
            try:
                told += await asyncio.wait_for(process.stdout.readline(), 0.2)
            except TimeoutError:
                continue
            break
    finally:
        process.terminate()
        await process.wait()
    assert b"[APP/PROC/WEB/1] OUT after" in told
    recent = await paas("logs", name, "--recent")
    assert "[APP/PROC/WEB/1] ERR before" in recent
    assert recent.index("before") < recent.index("after")


async def test_a_rolling_change(paas: Terminal, app: Path, dea: DeaPeer, stager: StagerPeer) -> None:
    name = f"roll-{paas.space}"
    await paas("push", name, "-p", str(app), "-i", "2")
    first = {one.guid for one in dea.instances}
    told = await paas("push", name, "-p", str(app), "--strategy", "rolling")
    assert "Deploying instance by instance" in told
    assert len(dea.instances) == 2
    assert not first & {one.guid for one in dea.instances}
    second = {one.guid for one in dea.instances}
    await paas("restart", name, "--strategy", "rolling")
    assert not second & {one.guid for one in dea.instances}
    # one that does not come up is given up: the old instances serve all the time
    third = {one.guid for one in dea.instances}
    dea.comes_up = False
    await paas("push", name, "-p", str(app), "--strategy", "rolling", "--no-wait")
    assert "done" in await paas("cancel-deployment", name)
    await dea.until(lambda: {one.guid for one in dea.instances} == third)
    await paas("cancel-deployment", name, refused=f"No deployment of {name} is going on.")


async def test_an_app_that_crashes(paas: Terminal, app: Path, dea: DeaPeer, stager: StagerPeer) -> None:
    dea.comes_up = False
    name = f"crash-{paas.space}"
    pushing = asyncio.create_task(paas("push", name, "-p", str(app), refused="does not start"))
    await dea.until(lambda: len(dea.instances) == 1)
    dea.instances[0].state = "CRASHED"
    told = await asyncio.wait_for(pushing, 60)
    assert f"paas logs {name} --recent" in told
