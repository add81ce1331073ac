"""Stagings that end without a droplet: each with its name, a sentence that helps, and nothing left behind."""

from __future__ import annotations

import asyncio
import io
import signal
import stat
import time
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from paas.blobs.signature import signed_url
from paas.bus.client import Bus
from paas.messages.staging import AdminBuildpack, Resources, StageRequest, StagingStop

from tests.paas.blobstore.blobstore_node import SECRET
from tests.paas.stager.staging_place import Outcome, Replies, StagingPlace, zipped

pytestmark = pytest.mark.lab

APP = {"file.txt": "x"}
WAITING = "echo waiting for the end; sleep 1000"


def scripts(**bodies: str) -> bytes:
    """A buildpack of bash scripts."""
    return zipped({f"bin/{name}": f"#!/bin/bash\n{body}\n" for name, body in bodies.items()})


async def by(
    place: StagingPlace, buildpack: bytes, app: dict[str, str | bytes] | bytes | None = None, **more: object
) -> Outcome:
    """What comes of a staging by this one buildpack."""
    one = await place.admin_buildpack("own", buildpack)
    return await place.stage(app or APP, admin_buildpacks=[one], **more)


@asynccontextmanager
async def waiting(
    place: StagingPlace, app_id: str, bus: Bus
) -> AsyncIterator[tuple[StageRequest, asyncio.Task[Outcome]]]:
    """A staging that does not end by itself, once its buildpack runs."""
    one = await place.admin_buildpack("waits", scripts(detect="true", compile=WAITING))
    request = await place.request(APP, app_id=app_id, admin_buildpacks=[one])
    runs = asyncio.Event()

    async def told(message: object) -> None:
        if b"waiting for the end" in bytes(message.body):  # type: ignore[attr-defined]
            runs.set()

    subscription = await bus.subscribe(f"log.{app_id}", msgspec.Raw, told)
    task = asyncio.create_task(place.ask(bus, request))
    await asyncio.wait_for(runs.wait(), 60)
    await subscription.end()
    yield request, task
    await asyncio.wait_for(task, 60)


async def test_an_app_of_no_known_kind(place: StagingPlace) -> None:
    outcome = await place.stage(APP)
    assert outcome.reply.error_type == "NoAppDetectedError"
    assert "An app was not successfully detected by any available buildpack" in outcome.reply.error
    assert "staticfile, nodejs, python, binary" in outcome.reply.error
    assert outcome.reply.error in outcome.log and outcome.reply.droplet_sha256 == ""


async def test_a_buildpack_that_fails_at_each_of_its_steps(place: StagingPlace) -> None:
    good = {"detect": "echo own", "supply": "true", "finalize": "true", "release": "echo '{}'"}
    cases = {
        "supply": ("echo cannot >&2; exit 3", "BuildpackCompileFailed", "bin/supply of buildpack own ended with 3"),
        "finalize": ("kill -9 $$", "BuildpackCompileFailed", "was ended by signal 9"),
        "release": ("exit 1", "BuildpackReleaseFailed", "bin/release of buildpack own ended with 1"),
        "release ": ("echo 'web: [unclosed'", "BuildpackReleaseFailed", "says no YAML"),
        "release  ": ("echo 'default_process_types: {web: 5}'", "BuildpackReleaseFailed", "'web' must have a command"),
    }
    outcomes = await asyncio.gather(
        *(by(place, scripts(**{**good, step.strip(): body})) for step, (body, _, _) in cases.items())
    )
    for outcome, (_, kind, words) in zip(outcomes, cases.values(), strict=True):
        assert (outcome.reply.error_type, words in outcome.reply.error) == (kind, True), outcome.reply
    assert [line.stream for line in outcomes[0].lines if line.text == "cannot"] == ["ERR"]


async def test_packages_and_buildpacks_that_are_no_good(place: StagingPlace) -> None:
    link = io.BytesIO()
    with zipfile.ZipFile(link, "w") as archive:
        info = zipfile.ZipInfo("passwd")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    bomb = zipped({"zeros": bytes(80 << 20)})
    good = scripts(detect="true", compile="true")
    small = Resources(memory=128, disk=64)
    none = zipped({"README": "no buildpack"})
    evil = zipped({"../../evil": "x", "bin/detect": ""})
    outcomes = await asyncio.gather(
        by(place, good, b"this is no zip"),
        by(place, good, zipped({"../../evil": "x"})),
        by(place, good, link.getvalue()),
        by(place, good, bomb, resources=small),
        by(place, good, {"Procfile": "no colon here\n"}),
        by(place, none),
        by(place, evil),
        by(place, b"no zip either"),
    )
    words = [
        "no zip that can be read", "leads out", "symbolic link that leads out", "at most 64 MB",
        "Procfile, line 1: 'no colon here'", "is no buildpack", "leads out", "no zip that can be read",
    ]  # fmt: skip
    for outcome, expected in zip(outcomes, words, strict=True):
        assert expected in outcome.reply.error, outcome.reply
        assert outcome.reply.error_type in ("StagerError", "BuildpackCompileFailed")
    assert not list(place.directory.rglob("evil"))


async def test_limits_of_memory_disk_and_processes(place: StagingPlace) -> None:
    hog = "/usr/bin/python3 -c 'x = bytearray(400 << 20)'"
    fill = "dd if=/dev/zero of=$1/filler bs=1M count=300"
    bomb = "/usr/bin/python3 -c 'import os\nwhile 1: os.fork()'; echo survived"
    limits = Resources(memory=128, disk=64)
    memory, disk, processes = await asyncio.gather(
        *(by(place, scripts(detect="true", compile=body), resources=limits) for body in (hog, fill, bomb))
    )
    assert memory.reply.error_type == "StagerError" and "more than its 128 MB of memory" in memory.reply.error
    assert "the disk of the staging container is full" in disk.reply.error
    assert processes.reply.finished and (processes.reply.error or "survived" in processes.log)


async def test_what_cannot_be_taken_is_refused_by_one_reply(place: StagingPlace) -> None:
    outcomes = await asyncio.gather(
        place.stage(APP, stack="windows2012"),
        place.stage(APP, resources=Resources(memory=100_000)),
        place.stage(APP, buildpacks=["haskell"]),
        place.stage(APP, download_sha256="0" * 64),
    )
    kinds = ["StagerError", "InsufficientResources", "StagerError", "StagerError"]
    words = [
        "no stack 'windows2012' here, only cflinuxfs-deb12",
        "100000 MB are asked for",
        "'haskell' is neither",
        "SHA-256",
    ]
    for outcome, kind, word in zip(outcomes, kinds, words, strict=True):
        assert (outcome.reply.error_type, word in outcome.reply.error) == (kind, True), outcome.reply


async def test_blobs_that_cannot_be_carried(place: StagingPlace) -> None:
    good = await place.admin_buildpack("own", scripts(detect="true", compile="true"))
    old = signed_url(place.blobs.url, "GET", "packages/x", int(time.time()) - 9, SECRET)
    missing = signed_url(place.blobs.url, "GET", "buildpacks/none", int(time.time()) + 99, SECRET)
    wrong = signed_url(place.blobs.url, "PUT", "droplets/x", int(time.time()) + 99, "another-secret-of-length")
    package, buildpack, droplet = await asyncio.gather(
        place.stage(APP, admin_buildpacks=[good], download_uri=old),
        place.stage(APP, admin_buildpacks=[AdminBuildpack(key="k", url=missing, name="gone")]),
        place.stage(APP, admin_buildpacks=[good], upload_uri=wrong),
    )
    assert "the package: the address has expired" in package.reply.error
    assert "buildpack gone cannot be fetched" in buildpack.reply.error
    assert "the droplet: the server refuses (403)" in droplet.reply.error
    for outcome in (package, buildpack, droplet):
        assert "md5=" not in outcome.reply.error + outcome.log
    assert "md5=" not in place.log


async def test_a_staging_is_stopped_by_its_app_and_by_the_next_one(place: StagingPlace) -> None:
    async with place.bus() as bus:
        async with waiting(place, "stopped", bus) as (request, task):
            await bus.publish("staging.stop", StagingStop(app_id="another"))
            await bus.publish("staging.stop", StagingStop(app_id="stopped", keep=request.task_id))
            await bus.publish("staging.stop", StagingStop(app_id="stopped"))
            reply = (await task).reply
            assert (reply.error_type, reply.error) == ("StagerError", "Stager error: staging was stopped")
        async with waiting(place, "twice", bus) as (_, first):
            good = await place.admin_buildpack("own", scripts(detect="true", compile="true"))
            second = await place.ask(bus, await place.request(APP, app_id="twice", admin_buildpacks=[good]))
            assert second.reply.error == "" and "another staging of this app has begun" in (await first).reply.error
    assert await place.warden.client.list() == []


async def test_a_staging_outlives_a_warden_that_is_killed(place: StagingPlace) -> None:
    one = await place.admin_buildpack(
        "own", scripts(detect="true", compile="while [ ! -e /tmp/go ]; do sleep 0.1; done; echo went on")
    )
    async with place.bus() as bus:
        await place.ready(bus)
        request = await place.request(APP, admin_buildpacks=[one])
        running = asyncio.create_task(place.ask(bus, request))
        container = await place.container_of(request)
        while not any(each.exit is None for each in (await container.info()).processes):
            await asyncio.sleep(0.05)
        await asyncio.to_thread(place.warden.kill)
        await place.warden.start()
        await (await container.script("touch /tmp/go")).wait()
        outcome = await running
    assert outcome.reply.error == "" and "went on" in outcome.log, outcome


async def test_a_stager_that_drains_ends_what_runs_and_takes_no_more(place: StagingPlace) -> None:
    one = await place.admin_buildpack(
        "waits", scripts(detect="true", compile="while [ ! -e /tmp/go ]; do sleep 0.1; done")
    )
    async with place.bus() as bus:
        await place.ready(bus)
        replies = Replies()
        request = await place.request(APP, admin_buildpacks=[one])
        running = asyncio.create_task(replies.last(bus, "staging.stager-1.start", request))
        await asyncio.wait_for(replies.first.wait(), 30)
        place.signal(signal.SIGUSR2)
        while True:  # until the signal has been heard: no other staging may get in
            refused = await replies.last(bus, "staging.stager-1.start", await place.request(APP, stack="none"))
            if "takes no more" in refused.error:
                break
        container = await place.container_of(request)
        await (await container.script("touch /tmp/go")).wait()
        assert (await running).error == ""
        assert await asyncio.to_thread(place.wait, 30) == 0
    place.start()


async def test_a_killed_stager_leaves_nothing_once_it_is_back(place: StagingPlace) -> None:
    one = await place.admin_buildpack("waits", scripts(detect="true", compile=WAITING))
    async with place.bus() as bus:
        await place.ready(bus)
        replies = Replies()
        lost = asyncio.create_task(
            replies.last(bus, "staging.stager-1.start", await place.request(APP, admin_buildpacks=[one]))
        )
        await asyncio.wait_for(replies.first.wait(), 30)
        while not await place.warden.client.list():
            await asyncio.sleep(0.05)
        place.signal(signal.SIGKILL)
        await asyncio.to_thread(place.wait, 30)
        lost.cancel()
        place.start(timeout_seconds=2)
        await place.ready(bus)
        assert await place.warden.client.list() == []
        # and now, with little time, one that takes too long
        outcome = await place.ask(bus, await place.request(APP, admin_buildpacks=[one]), subject="staging")
        assert outcome.reply.error_type == "StagingTimeExpired"
        assert outcome.reply.error == "Staging time expired: it did not end within 2 s"


async def test_a_stager_that_is_ended_says_so_to_who_asked(place: StagingPlace) -> None:
    place.stop()
    place.start()
    async with place.bus() as bus:
        await place.ready(bus)
        async with waiting(place, "ended", bus) as (_, task):
            await asyncio.to_thread(place.stop)
            assert "the stager is being stopped; stage again" in (await task).reply.error
    assert await place.warden.client.list() == []
    place.start()
