"""A VM below a temporary folder: real files, scripts and blobs; no root and no bus."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import tarfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.boot.sequence import boot
from agent.dispatch import Dispatcher, Reply, parse_reply
from agent.layout import Layout
from agent.settings import find
from agent.vm import Vm, assemble

REPLY_TO = "director.one.agent-1.request"


class Refused(Exception):
    """The agent answered with an exception."""


def settings(blobs: Path, **more: Any) -> dict[str, Any]:
    return {
        "agent_id": "agent-1",
        "vm": {"name": "vm-1"},
        "mbus": "nats://127.0.0.1:4222",
        "networks": {
            "default": {
                "type": "manual",
                "ip": "10.0.0.7",
                "netmask": "255.255.255.0",
                "gateway": "10.0.0.1",
                "dns": ["10.0.0.2"],
                "default": ["dns", "gateway"],
            }
        },
        "disks": {"persistent": {}},
        "env": {
            "bosh": {
                "mbus": {"cert": {"ca": "ca", "certificate": "certificate", "private_key": "key"}},
                "blobstores": [{"provider": "local", "options": {"blobstore_path": str(blobs)}}],
                "ntp": ["10.0.0.3"],
                **more,
            }
        },
    }


def tarball(files: dict[str, str]) -> bytes:
    """tar.gz of ``files``; those in a bin folder and packaging are executable."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            info.mode = 0o755 if "/bin/" in name else 0o644
            archive.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


class AgentWorld:
    """The agent's inside without its bus; ``pushed`` and ``announced`` hold what it would publish."""

    def __init__(self, folder: Path) -> None:
        self.base = folder / "vcap"
        self.blobs = folder / "blobs"
        self.blobs.mkdir(parents=True, exist_ok=True)
        self.layout = Layout(self.base, self.base / "root")
        seed = self.base / "seed" / "settings.json"
        if not seed.exists():
            seed.parent.mkdir(parents=True)
            seed.write_text(json.dumps(settings(self.blobs)))
        self.pushed: list[dict[str, Any]] = []
        self.announced: list[str] = []
        self.restarts = 0
        self.bus_is_up = True
        self.begin()

    def begin(self) -> None:
        """A fresh agent process's state over the same files."""
        self.vm: Vm = assemble(self.layout, find.fetch(self.layout), "plain", "none")
        boot(self.vm)
        self.vm.announce = lambda kind, _body: self.announced.append(kind)
        self.dispatcher = Dispatcher(self.vm, self._push, self._restart)
        self.dispatcher.start()

    def _push(self, reply: Reply) -> bool:
        if self.bus_is_up:
            self.pushed.append(parse_reply(reply.payload))
        return self.bus_is_up

    def _restart(self) -> None:
        self.restarts += 1

    def raw(self, method: str, *arguments: Any, **extension: Any) -> dict[str, Any]:
        body: dict[str, Any] = {"protocol": 3, "method": method, "arguments": arguments, "reply_to": REPLY_TO}
        if extension:
            body["meristem"] = extension
        reply = self.dispatcher.handle(json.dumps(body).encode())
        assert reply is not None and reply.subject == REPLY_TO
        return parse_reply(reply.payload)

    def ask(self, method: str, *arguments: Any, **extension: Any) -> Any:
        answer = self.raw(method, *arguments, **extension)
        if "exception" in answer:
            raise Refused(answer["exception"]["message"])
        return answer["value"]

    def do(self, method: str, *arguments: Any, **extension: Any) -> Any:
        """Ask, and wait for the end of an asynchronous action."""
        return self.await_end(self.ask(method, *arguments, **extension))

    def await_end(self, value: Any, timeout: float = 60.0) -> Any:
        deadline = time.monotonic() + timeout
        while isinstance(value, dict) and "agent_task_id" in value:
            assert time.monotonic() < deadline, "the task does not end"
            time.sleep(0.01)
            value = self.ask("get_task", value["agent_task_id"])
        return value

    def blob(self, content: bytes) -> dict[str, str]:
        """Store a blob; its blobstore_id and sha1."""
        blob_id = str(uuid.uuid4())
        (self.blobs / blob_id).write_bytes(content)
        return {"blobstore_id": blob_id, "sha1": f"sha256:{hashlib.sha256(content).hexdigest()}"}

    def spec(
        self, jobs: dict[str, dict[str, str]], packages: dict[str, dict[str, str]] | None = None
    ) -> dict[str, Any]:
        """An apply spec with rendered ``jobs`` (file -> text) and compiled ``packages``."""
        rendered = {f"{job}/{name}": text for job, files in jobs.items() for name, text in files.items()}
        templates = self.blob(tarball({**rendered, **{f"{job}/monit": jobs[job].get("monit", "") for job in jobs}}))
        digest = hashlib.sha1(json.dumps(rendered, sort_keys=True).encode()).hexdigest()
        return {
            "deployment": "paas",
            "name": "router",
            "id": "7a7a",
            "az": "z1",
            "index": 0,
            "job": {
                "name": "router",
                "template": next(iter(jobs), ""),
                "version": "1",
                "templates": [{"name": job, "version": "1", "sha1": "x", "blobstore_id": "y"} for job in jobs],
            },
            "packages": {
                name: {"name": name, "version": f"{name}.1", **self.blob(tarball(files))}
                for name, files in (packages or {}).items()
            },
            "networks": {"default": {"type": "manual", "ip": "10.0.0.7", "netmask": "255.255.255.0"}},
            "persistent_disk": 100,
            "configuration_hash": digest,
            "rendered_templates_archive": templates,
        }


@contextlib.contextmanager
def waiting_for(path: Path, timeout: float = 30.0) -> Iterator[None]:
    """Leave when ``path`` exists."""
    yield
    deadline = time.monotonic() + timeout
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} does not appear"
        time.sleep(0.01)
