"""/tasks: lists, output by ranges, following, cancelling (director API §4)."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from director.model.rows import Task
from director.ports.store import Changes
from tests.contract.api.served import Client, Served
from tests.e2e.loopback.archives import build_stemcell


@pytest.fixture(scope="module")
def done(served: Served, tmp_path_factory: pytest.TempPathFactory) -> int:
    """A task that ended well, with event output."""
    archive = build_stemcell(tmp_path_factory.mktemp("s") / "s.tgz", formats=("memory",))
    return served.client().upload("stemcells", archive)["id"]


def test_a_task_object(admin: Client, done: int) -> None:
    task = admin.get(f"/tasks/{done}")
    assert set(task) == {
        *("id", "state", "description", "timestamp", "started_at", "result", "user", "deployment", "context_id"),
    }
    assert (task["state"], task["description"], task["user"]) == ("done", "create stemcell", "admin")
    assert task["result"] == "/stemcells/meristem-dummy-loopback/1.0"
    assert isinstance(task["id"], int) and isinstance(task["timestamp"], int) and isinstance(task["started_at"], int)
    assert (task["deployment"], task["context_id"]) == (None, "")


@pytest.mark.parametrize("id", ["999999", "x", "-1", "0", "1.5", "9" * 40, "²", "%00", "1%2F2"])
def test_unknown_tasks(admin: Client, id: str) -> None:
    for method, path in [("GET", f"/tasks/{id}"), ("GET", f"/tasks/{id}/output"), ("DELETE", f"/task/{id}")]:
        answer = admin(method, path)
        assert answer.status_code == 404
        if "%2F" not in id:
            assert answer.json()["code"] == 10000
            assert answer.json()["description"].endswith("not found")


def test_event_output_is_lines_of_json(admin: Client, done: int) -> None:
    text = admin.output(done, "event")
    assert text.endswith("\n")
    for event in admin.events(done):
        assert set(event) - {"data"} == {"time", "stage", "tags", "total", "task", "index", "state", "progress"}
        assert isinstance(event["time"], int) and isinstance(event["index"], int) and event["index"] >= 1
        assert event["state"] in ("started", "in_progress", "finished", "failed")
        assert event["progress"] == {"started": 0, "finished": 100, "failed": 100}.get(
            event["state"], event["progress"]
        )
    pairs = [(one["stage"], tuple(one["tags"]), one["task"], one["state"]) for one in admin.events(done)]
    assert len(pairs) == len(set(pairs))
    assert {one[:3] for one in pairs if one[3] == "started"} == {one[:3] for one in pairs if one[3] == "finished"}


def test_output_types(admin: Client, done: int) -> None:
    assert admin("GET", f"/tasks/{done}/output").text == admin.output(done, "debug")
    assert admin("GET", f"/tasks/{done}/output").headers["content-type"].startswith("text/plain")
    assert admin("GET", f"/tasks/{done}/output", params={"type": "none"}).status_code == 204
    assert admin("GET", f"/tasks/{done}/output", params={"type": "result"}).status_code == 204
    status, code, _ = admin.error("GET", f"/tasks/{done}/output", params={"type": "gossip"})
    assert (status, code) == (401, 600000)


def test_what_readers_see_of_the_output(served: Served, done: int) -> None:
    reader = served.client("reader")
    assert reader("GET", f"/tasks/{done}/output", params={"type": "event"}).status_code == 200
    for kind in ("debug", "cpi"):
        assert reader.error("GET", f"/tasks/{done}/output", params={"type": kind})[:2] == (401, 600000)


def test_ranges(admin: Client, done: int) -> None:
    whole = admin.output(done, "event").encode()
    size = len(whole)

    def ask(span: str) -> httpx.Response:
        return admin("GET", f"/tasks/{done}/output", params={"type": "event"}, headers={"range": span})

    for span, first, last in [
        ("bytes=0-", 0, size - 1),
        ("bytes=7-", 7, size - 1),
        ("bytes=3-9", 3, 9),
        (f"bytes={size - 1}-", size - 1, size - 1),
        ("bytes=0-999999999", 0, size - 1),
        ("bytes=-5", size - 5, size - 1),
        ("bytes=-999999999", 0, size - 1),
    ]:
        answer = ask(span)
        assert (answer.status_code, answer.content) == (206, whole[first : last + 1]), span
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{size}"
    for offset in (size, size + 1, 2**40):
        answer = ask(f"bytes={offset}-")
        assert (answer.status_code, answer.content) == (416, b"")
        assert answer.headers["content-range"] == f"bytes */{size}"
    for ignored in ("lines=1-2", "bytes=9-3", "bytes=x-", "bytes=", "bytes=²-", f"bytes={'9' * 60}-", "bytes=1-2,4-5"):
        answer = admin(
            "GET", f"/tasks/{done}/output", params={"type": "event"}, headers={"range": ignored.encode("utf-8")}
        )
        assert (answer.status_code, answer.content) == (200, whole), ignored


def test_a_range_of_nothing(admin: Client, done: int) -> None:
    answer = admin("GET", f"/tasks/{done}/output", params={"type": "result"}, headers={"range": "bytes=0-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */0")


def test_following_ends_with_the_task(served: Served, admin: Client) -> None:
    """Bytes come while the task runs; the stream ends after its last."""
    gate = threading.Event()

    async def slow(context: Any) -> str:
        import asyncio

        context.log.result({"first": 1})
        await context.log.flush()
        while not gate.is_set():
            await asyncio.sleep(0.01)
        context.log.result({"second": 2})
        return "over"

    served.runner._handlers["slow"] = slow  # type: ignore[index]
    task = served.on_loop(served.runner.create("slow", "slow"))
    got: list[bytes] = []
    with admin.http.stream("GET", f"/tasks/{task.id}/output", params={"type": "result", "follow": "true"}) as answer:
        assert answer.headers["x-meristem-follow"] == "1"
        for chunk in answer.iter_bytes():
            got.append(chunk)
            if not gate.is_set():
                assert b"".join(got) == b'{"first":1}\n'
                assert admin.get(f"/tasks/{task.id}")["state"] == "processing"
                gate.set()
    assert b"".join(got) == b'{"first":1}\n{"second":2}\n'
    assert admin.get(f"/tasks/{task.id}")["state"] == "done"


def test_lists(served: Served, admin: Client, done: int) -> None:
    rows = [
        Task(id=1000 + i, type=type, description=type, state=state, deployment="d", created_at=i)
        for i, (type, state) in enumerate(
            [("vms", "done"), ("update_deployment", "error"), ("update_deployment", "timeout"), ("ssh", "cancelled")]
        )
    ]
    served.on_loop(served.store.commit(Changes(put=rows)))
    assert [one["id"] for one in admin.get("/tasks", deployment="d")] == [1002, 1001]
    assert [one["id"] for one in admin.get("/tasks", deployment="d", verbose="2")] == [1003, 1002, 1001, 1000]
    assert [one["id"] for one in admin.get("/tasks", deployment="d", verbose="2", limit="2")] == [1003, 1002]
    assert [one["id"] for one in admin.get("/tasks", deployment="d", verbose="2", state="done,error")] == [1001, 1000]
    assert admin.get("/tasks", state="processing,cancelling,queued", verbose="1") == []
    assert admin.get("/tasks", limit="0") == []
    for wrong in ("x", "-1", "1.5", "9" * 30):
        status, code, text = admin.error("GET", "/tasks", params={"limit": wrong})
        assert (status, code) == (400, 40000)
        assert "'limit'" in text


def test_cancel(served: Served, admin: Client, done: int) -> None:
    answer = admin("DELETE", f"/task/{done}")
    assert (answer.status_code, answer.text) == (400, f"Cannot cancel task {done}: invalid state (done)")

    async def patient(context: Any) -> str:
        import asyncio

        while True:
            await asyncio.sleep(0.01)
            await context.checkpoint()

    served.runner._handlers["patient"] = patient  # type: ignore[index]
    one, two = (served.on_loop(served.runner.create("patient", "p", deployment=name)) for name in ("a", "b"))
    for task in (one, two):
        while admin.get(f"/tasks/{task.id}")["state"] != "processing":
            time.sleep(0.01)
    assert admin("DELETE", f"/task/{one.id}").status_code == 204
    ended = admin.wait(one.id, "cancelled")
    assert ended["result"] == "task cancelled"
    assert admin.events(one.id)[-1]["error"]["code"] == 10001
    assert admin("POST", "/tasks/cancel", json={"deployment": "c", "states": ["processing"]}).status_code == 204
    assert admin("POST", "/tasks/cancel", json={"deployment": "b"}).status_code == 204
    assert admin.get(f"/tasks/{two.id}")["state"] == "processing", "only queued tasks are cancelled unless asked"
    both = {"deployment": "b", "states": ["queued", "processing"], "types": ["patient"]}
    assert admin("POST", "/tasks/cancel", json=both).status_code == 204
    admin.wait(two.id, "cancelled")
    status, code, text = admin.error("POST", "/tasks/cancel", json={"states": ["done"]})
    assert (status, code) == (400, 40005)
    assert "done" in text


def test_a_failed_task_ends_with_its_error(admin: Client, tmp_path: Path) -> None:
    (tmp_path / "bad.tgz").write_bytes(b"no archive at all")
    headers = {"content-type": "application/x-compressed"}
    id = admin.task("POST", "/releases", content=(tmp_path / "bad.tgz").read_bytes(), headers=headers)
    task = admin.wait(id, "error")
    last = admin.events(id)[-1]
    assert last["error"]["code"] == 30002
    assert last["error"]["message"].startswith("Extracting release archive failed. Check task debug log for details.")
    assert task["result"] == last["error"]["message"][:128]
