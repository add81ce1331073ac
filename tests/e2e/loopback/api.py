"""The director's HTTP API for tests: one method per verb, tasks followed to their end."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import yaml


@dataclass(frozen=True)
class Finished:
    """A task that ended: its object, its event lines and its result output."""

    task: dict[str, Any]
    events: list[dict[str, Any]]
    output: str

    @property
    def state(self) -> str:
        return self.task["state"]

    def rows(self) -> list[dict[str, Any]]:
        """The result output as one object per line."""
        return [json.loads(line) for line in self.output.splitlines() if line]

    def stages(self) -> list[str]:
        """Stages in order of their first event."""
        return list(dict.fromkeys(event["stage"] for event in self.events if "stage" in event))

    def tasks_of(self, stage: str) -> list[str]:
        """What was finished in a stage, in order."""
        return [
            event["task"] for event in self.events if event.get("stage") == stage and event.get("state") == "finished"
        ]


class Api:
    """Basic authentication over TLS; ``url`` is `https://127.0.0.1:<port>`."""

    def __init__(self, url: str, ca: Path, user: str = "admin", password: str = "admin-password") -> None:
        context = ssl.create_default_context(cafile=str(ca))
        self.http = httpx.Client(base_url=url, verify=context, auth=(user, password), timeout=60)

    def close(self) -> None:
        self.http.close()

    def get(self, path: str, **query: Any) -> Any:
        answer = self.http.get(path, params=query)
        assert answer.status_code == 200, f"GET {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def start(self, method: str, path: str, *, body: bytes = b"", kind: str = "", **query: Any) -> int:
        """A request that makes a task; answers the task's id."""
        headers = {"content-type": kind} if kind else {}
        answer = self.http.request(method, path, content=body, headers=headers, params=query)
        assert answer.status_code == 302, f"{method} {path}: {answer.status_code} {answer.text}"
        return int(answer.headers["location"].rsplit("/", 1)[-1])

    def wait(self, task_id: int, *, seconds: float = 120, expect: str = "done") -> Finished:
        """Follow a task to its end; fails with its debug log when it did not end as expected."""
        deadline = time.monotonic() + seconds
        while (task := self.get(f"/tasks/{task_id}"))["state"] in ("queued", "processing", "cancelling"):
            assert time.monotonic() < deadline, (
                f"task {task_id} still {task['state']} after {seconds} s\n{self.log(task_id)}"
            )
            time.sleep(0.1)
        finished = Finished(task, self._lines(task_id), self.log(task_id, "result"))
        assert task["state"] == expect, (
            f"task {task_id}: {task['state']}, {task['result']}\n{self.log(task_id)[-8000:]}"
        )
        return finished

    def log(self, task_id: int, kind: str = "debug") -> str:
        return self.http.get(f"/tasks/{task_id}/output", params={"type": kind}).text

    def run(self, method: str, path: str, *, expect: str = "done", seconds: float = 120, **more: Any) -> Finished:
        return self.wait(self.start(method, path, **more), expect=expect, seconds=seconds)

    def upload_stemcell(self, path: Path) -> Finished:
        return self.run("POST", "/stemcells", body=path.read_bytes(), kind="application/x-compressed")

    def upload_release(self, path: Path) -> Finished:
        return self.run("POST", "/releases", body=path.read_bytes(), kind="application/x-compressed")

    def update_config(self, kind: str, content: dict[str, Any], name: str = "default") -> dict[str, Any]:
        answer = self.http.post("/configs", json={"type": kind, "name": name, "content": yaml.safe_dump(content)})
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def deploy(self, manifest: dict[str, Any], *, expect: str = "done", **query: Any) -> Finished:
        body = yaml.safe_dump(manifest, sort_keys=False).encode()
        return self.run("POST", "/deployments", body=body, kind="text/yaml", expect=expect, **query)

    def delete_deployment(self, name: str, **query: Any) -> Finished:
        return self.run("DELETE", f"/deployments/{name}", **query)

    def instances(self, deployment: str) -> list[dict[str, Any]]:
        """The full rows, as `instances --vitals` shows them."""
        return self.run("GET", f"/deployments/{deployment}/instances", format="full").rows()

    def _lines(self, task_id: int) -> list[dict[str, Any]]:
        text = self.log(task_id, "event")
        assert not text or text.endswith("\n"), "the last event line does not end in a line break"
        return [json.loads(line) for line in text.splitlines()]


def running(rows: Iterable[dict[str, Any]]) -> set[str]:
    """`group/index` of the rows that run."""
    return {f"{row['job_name']}/{row['index']}" for row in rows if row["job_state"] == "running"}
