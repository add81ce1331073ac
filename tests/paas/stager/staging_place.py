"""All that staging needs, each a process of its own, in a network of the test's: bus, blobstore, package cache, warden, stager."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
from paas.blobs.store import BlobStore
from paas.bus.client import Bus, BusConfig
from paas.containers.client import Container, ContainerError
from paas.messages.log import LogLine, LogLines
from paas.messages.staging import AdminBuildpack, Properties, Resources, StageReply, StageRequest

from lab.ports import free_port
from tests.paas.blobstore.blobstore_node import BlobstoreNode
from tests.paas.bus.nats_server import NatsServer
from tests.paas.package_cache.cache_server import CacheServer
from tests.paas.warden.warden_process import WardenProcess

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ROOT / "releases/paas/src"
BUILDPACKS = SOURCES / "buildpacks"
ORDER = ("staticfile", "nodejs", "python", "binary")
SECONDS = 120
"""Until a staging must have ended; it takes a few."""


def zipped(files: dict[str, str | bytes], executable: tuple[str, ...] = ("bin/",)) -> bytes:
    """A zip of files; those below `executable` can be run."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o100755 if name.startswith(executable) else 0o100644) << 16
            archive.writestr(info, content)
    return buffer.getvalue()


@dataclass
class Outcome:
    """What came of a staging: its last reply, what its log said, the droplet where there is one."""

    reply: StageReply
    lines: list[LogLine] = field(default_factory=list)
    droplet: bytes = b""

    @property
    def log(self) -> str:
        """The log as text."""
        return "\n".join(line.text for line in self.lines)

    def file(self, name: str) -> bytes:
        """A file of the droplet."""
        with tarfile.open(fileobj=io.BytesIO(self.droplet), mode="r:gz") as archive:
            file = archive.extractfile(f"./{name}")
            assert file is not None
            return file.read()

    def names(self) -> list[str]:
        """All that is in the droplet."""
        with tarfile.open(fileobj=io.BytesIO(self.droplet), mode="r:gz") as archive:
            return archive.getnames()


class StagingPlace:
    """Servers are started by whoever makes it; this has the stager and asks it."""

    def __init__(
        self, nats: NatsServer, blobs: BlobstoreNode, cache: CacheServer, warden: WardenProcess, stack: Path
    ) -> None:
        self.nats, self.blobs, self.cache, self.warden = nats, blobs, cache, warden
        self.directory = Path(tempfile.mkdtemp(prefix="stager-", dir=warden.directory))
        self.config: dict[str, Any] = {
            "bus": {"servers": [nats.url]},
            "listen": {"host": "127.0.0.1", "port": free_port()},
            "warden": warden.socket,
            "stacks": {"cflinuxfs-deb12": str(stack)},
            "directory": str(self.directory / "data"),
            "id": "stager-1",
            "memory_mb": 6000,
            "package_cache": cache.url,
            "advertise_seconds": 0.3,
        }
        self.admin: list[AdminBuildpack] = []
        self.outside: list[str] = []
        """Words that run a command in the network beyond."""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **more: Any) -> None:
        """The stager, with some keys of its configuration changed."""
        file = self.directory / "stager.json"
        file.write_text(json.dumps({**self.config, **more}))
        with (self.directory / "stager.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "paas.stager", "--config", file],
                env={**os.environ, "PYTHONPATH": str(SOURCES)}, stdout=log, stderr=log, umask=0o077,
            )  # fmt: skip
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.config["listen"]["port"])) == 0:
                    return
            assert self._process.poll() is None, self.log
            time.sleep(0.02)
        raise AssertionError(self.log)

    def stop(self) -> None:
        """As the supervisor does."""
        if self._process is not None:
            self._process.terminate()
            assert self._process.wait(30) == 0, self.log
            self._process = None

    def signal(self, number: int) -> None:
        """To the stager's process."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, seconds: float) -> int:
        """Its exit status."""
        assert self._process is not None
        return self._process.wait(seconds)

    @property
    def log(self) -> str:
        """What the stager's own log says."""
        return (self.directory / "stager.log").read_text()

    @asynccontextmanager
    async def bus(self) -> AsyncIterator[Bus]:
        """A connection, as a cloud controller has one."""
        bus = await Bus.connect(BusConfig(servers=[self.nats.url]), "test")
        try:
            yield bus
        finally:
            await bus.close()

    async def put(self, key: str, data: bytes) -> None:
        """A blob."""
        file = self.directory / f"up-{uuid4().hex}"
        file.write_bytes(data)
        async with BlobStore(self.blobs.config) as store:
            await store.put(key, file)
        file.unlink()

    async def put_buildpacks(self) -> None:
        """Those of the release, in their order."""
        out = self.directory / "buildpacks"
        subprocess.run([sys.executable, str(BUILDPACKS / "make.py"), str(out)], check=True)
        for name in ORDER:
            self.admin.append(await self.admin_buildpack(name, (out / f"{name}.zip").read_bytes()))

    async def admin_buildpack(self, name: str, data: bytes) -> AdminBuildpack:
        """One that is in the blobstore."""
        key = f"buildpacks/{name}-{uuid4().hex[:6]}"
        await self.put(key, data)
        async with BlobStore(self.blobs.config) as store:
            return AdminBuildpack(key=key, url=store.signed_get(key, 3600), name=name)

    async def request(self, app: dict[str, str | bytes] | bytes, **more: Any) -> StageRequest:
        """A request for these files; `more` are fields of it or of its properties."""
        guid, task = more.pop("app_id", f"app-{uuid4().hex[:8]}"), uuid4().hex
        await self.put(f"packages/{task}", app if isinstance(app, bytes) else zipped(app))
        async with BlobStore(self.blobs.config) as store:
            cache = f"buildpack_cache/{guid}-cflinuxfs-deb12"
            known = {name: more.pop(name) for name in list(more) if name in Properties.__struct_fields__}
            known.setdefault("resources", Resources(memory=384, disk=512))
            fields: dict[str, Any] = {
                "download_uri": store.signed_get(f"packages/{task}", 3600),
                "upload_uri": store.signed_put(f"droplets/{task}", 3600),
                "admin_buildpacks": self.admin,
                "stack": "cflinuxfs-deb12",
                "buildpack_cache_download_uri": store.signed_get(cache, 3600),
                "buildpack_cache_upload_uri": store.signed_put(cache, 3600),
            }
            return StageRequest(
                app_id=guid, task_id=task, properties=Properties(**known),
                **{**fields, **more},
            )  # fmt: skip

    async def ready(self, bus: Bus) -> None:
        """Until the stager has said that it is there."""
        heard = asyncio.Event()

        async def come(_: object) -> None:
            heard.set()

        subscription = await bus.subscribe("staging.advertise", msgspec.Raw, come)
        await asyncio.wait_for(heard.wait(), 30)
        await subscription.end()

    async def stage(self, app: dict[str, str | bytes] | bytes, **more: Any) -> Outcome:
        """Ask for a staging, and wait for what comes of it."""
        async with self.bus() as bus:
            await self.ready(bus)
            return await self.ask(bus, await self.request(app, **more))

    async def container_of(self, request: StageRequest) -> Container:
        """Of a staging under way, once it has been made."""
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(ContainerError):
                    return await self.warden.client.adopt(f"staging-{request.task_id}")
                await asyncio.sleep(0.05)

    async def ask(self, bus: Bus, request: StageRequest, subject: str = "staging.stager-1.start") -> Outcome:
        """The outcome of this request."""
        lines: list[LogLine] = []

        async def told(message: Any) -> None:
            assert message.body.source == "STG"
            lines.extend(message.body.lines)

        subscription = await bus.subscribe(f"log.{request.app_id}", LogLines, told)
        await bus.flush()
        replies = Replies()
        outcome = Outcome(await replies.last(bus, subject, request), lines)
        await bus.flush()
        await subscription.end()
        if outcome.reply.droplet_sha256:
            file = self.directory / "droplet"
            async with BlobStore(self.blobs.config) as store:
                await store.get(f"droplets/{request.task_id}", file, sha256=outcome.reply.droplet_sha256)
            outcome.droplet = file.read_bytes()
        return outcome


class Replies:
    """The replies to one request, first and last."""

    def __init__(self) -> None:
        self.first = asyncio.Event()

    async def last(self, bus: Bus, subject: str, request: StageRequest) -> StageReply:
        """The reply that says it has ended."""
        done: asyncio.Future[StageReply] = asyncio.get_running_loop().create_future()

        async def come(message: Any) -> None:
            self.first.set()
            if message.body.finished and not done.done():
                done.set_result(message.body)

        inbox = f"_INBOX.test.{uuid4().hex}"
        subscription = await bus.subscribe(inbox, StageReply, come)
        await bus._client.publish(subject, msgspec.json.encode(request), reply=inbox)  # pyright: ignore[reportPrivateUsage]
        try:
            return await asyncio.wait_for(done, SECONDS)
        finally:
            await subscription.end()
