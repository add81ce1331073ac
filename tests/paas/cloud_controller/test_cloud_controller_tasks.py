"""Tasks: run once on a DEA, told of when they end, canceled, lost."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from paas.bus.client import Bus
from paas.messages.dea import Exited

from tests.paas.cloud_controller.client import Api
from tests.paas.cloud_controller.peers import DeaPeer, StagerPeer
from tests.paas.cloud_controller.pushing import push


@pytest.fixture
async def staged(admin: Api, app: str, dea: DeaPeer, stager: StagerPeer) -> str:
    """An app with a droplet, which does not run."""
    await admin.patch(f"/v3/apps/{app}/environment_variables", {"var": {"A": "b"}})
    await push(admin, app, start=False)
    return app


async def begin(admin: Api, dea: DeaPeer, app: str, **more: Any) -> dict[str, Any]:
    """A task that runs on `dea`."""
    task = await admin.post(f"/v3/apps/{app}/tasks", {"command": "migrate", **more})
    await dea.until(lambda: len(dea.of(task["guid"])) == 1)
    return task


async def comes_to(admin: Api, task: str, state: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while (found := await admin.get(f"/v3/tasks/{task}"))["state"] != state:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.05)
    return found


def exited(dea: DeaPeer, task: str, **more: Any) -> Exited:
    """What a DEA says when it has ended; it forgets it."""
    one = dea.of(task)[0]
    dea.instances.remove(one)
    told = {"droplet": task, "version": one.start.version, "instance": one.guid, "index": 0, "task": True}
    return Exited(**{**told, **more})


async def test_a_task_runs_with_the_app_s_droplet_and_succeeds(admin: Api, staged: str, dea: DeaPeer, bus: Bus) -> None:
    task = await begin(admin, dea, staged, name="first", memory_in_mb=64)
    start = dea.of(task["guid"])[0].start
    assert (start.task, start.app, start.name, start.start_command) == (True, staged, "first", "migrate")
    assert (start.limits.mem, start.env, start.uris) == (64, ["A=b"], [])
    assert (await admin.get(f"/v3/tasks/{task['guid']}"))["state"] == "RUNNING"
    await bus.publish("droplet.exited", exited(dea, task["guid"], reason="STOPPED"))
    ended = await comes_to(admin, task["guid"], "SUCCEEDED")
    assert (ended["result"]["failure_reason"], ended["command"]) == (None, "migrate")
    listed = (await admin.get(f"/v3/apps/{staged}/tasks", states="SUCCEEDED"))["resources"]
    assert [(one["name"], one["sequence_id"], "command" in one) for one in listed] == [("first", 1, False)]


async def test_a_task_that_fails_says_why(admin: Api, staged: str, dea: DeaPeer, bus: Bus) -> None:
    task = await begin(admin, dea, staged)
    told = exited(dea, task["guid"], reason="CRASHED", exit_status=3, exit_description="exited with status 3")
    await bus.publish("droplet.exited", told)
    ended = await comes_to(admin, task["guid"], "FAILED")
    assert ended["result"]["failure_reason"] == "exited with status 3"
    error = await admin.fail(422, "POST", f"/v3/tasks/{task['guid']}/actions/cancel")
    assert error["detail"] == "Task state is FAILED and therefore cannot be canceled"


async def test_a_canceled_task_is_stopped(admin: Api, staged: str, dea: DeaPeer, bus: Bus) -> None:
    task = await begin(admin, dea, staged)
    told = exited(dea, task["guid"], reason="STOPPED", exit_status=143)
    await admin.put(f"/v3/tasks/{task['guid']}/cancel")
    await dea.until(lambda: any(stop.droplet == task["guid"] for stop in dea.stops))
    await bus.publish("droplet.exited", told)
    assert (await comes_to(admin, task["guid"], "FAILED"))["result"]["failure_reason"] == "task was cancelled"


async def test_a_task_that_nobody_runs_any_more_has_failed(admin: Api, staged: str, dea: DeaPeer) -> None:
    task = await begin(admin, dea, staged)
    dea.instances.clear()
    ended = await comes_to(admin, task["guid"], "FAILED")
    assert ended["result"]["failure_reason"] == "the DEA that ran the task is gone"


async def test_what_is_no_task_is_refused(admin: Api, app: str, staged: str) -> None:
    path = f"/v3/apps/{staged}/tasks"
    for body, words in (
        ({}, "Command can't be blank"),
        ({"command": "x", "memory_in_mb": -1}, "must be greater than 0"),
        ({"command": "x", "droplet_guid": "none"}, "The droplet does not exist"),
        ({"template": {"process": {"guid": "none"}}}, "template.process must be a process of this app"),
        ({"command": "x" * 5000}, "at most 4096 characters"),
    ):
        assert words in (await admin.fail(422, "POST", path, body))["detail"]
    assert (await admin.fail(404, "GET", "/v3/tasks/none"))["detail"] == "Task not found"


async def test_an_app_without_a_droplet_has_no_tasks(admin: Api, app: str) -> None:
    error = await admin.fail(422, "POST", f"/v3/apps/{app}/tasks", {"command": "x"})
    assert error["detail"] == "Task must have a droplet. Assign current droplet to app."
