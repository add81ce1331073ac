"""The real agent, as zipapp, in a process of its own."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import uuid
from pathlib import Path
from typing import Any

from agent_bus import Authority, NatsServer

INTERPRETER = os.environ.get("MERISTEM_AGENT_PYTHON", sys.executable)
CLEAN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


class AgentProcess:
    """One VM's agent below a folder; platform plain."""

    def __init__(self, folder: Path, zipapp: Path, server: NatsServer, authority: Authority, **bosh: Any) -> None:
        self.id = str(uuid.uuid4())
        self.base = folder / "vcap"
        self.blobs = folder / "blobs"
        self.blobs.mkdir(parents=True)
        self._zipapp = zipapp
        self._log = folder / "agent.log"
        self.name = f"{self.id}.bootstrap.agent.bosh-internal"
        certificate, key = authority.issue(self.name)
        settings = {
            "agent_id": self.id,
            "vm": {"name": "vm-1"},
            "mbus": server.url,
            "networks": {"default": {"type": "manual", "ip": "127.0.0.1", "netmask": "255.0.0.0"}},
            "disks": {},
            "env": {
                "bosh": {
                    "mbus": {"cert": {"ca": authority.pem, "certificate": certificate, "private_key": key}},
                    "blobstores": [{"provider": "local", "options": {"blobstore_path": str(self.blobs)}}],
                    **bosh,
                }
            },
        }
        seed = self.base / "seed" / "settings.json"
        seed.parent.mkdir(parents=True)
        seed.write_text(json.dumps(settings))
        self.process: subprocess.Popen[bytes] | None = None
        self.command("boot").check_returncode()

    def _words(self, command: str) -> list[str]:
        options = ["--base", str(self.base), "--platform", "plain", "--supervisor", "none"]
        return [INTERPRETER, str(self._zipapp), command, *options]

    def command(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self._words(command), capture_output=True, text=True, env=CLEAN, timeout=60, check=False)

    def start(self) -> None:
        with open(self._log, "ab") as log:
            self.process = subprocess.Popen(self._words("run"), stdout=log, stderr=log, env=CLEAN)

    def kill(self) -> None:
        """SIGKILL to the agent alone, as a crash would be."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        if self.process is None:
            return 0
        self.process.terminate()
        return self.process.wait(timeout=60)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def rss_kb(self) -> int:
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def blob(self, content: bytes) -> dict[str, str]:
        blob_id = str(uuid.uuid4())
        (self.blobs / blob_id).write_bytes(content)
        return {"blobstore_id": blob_id, "sha1": f"sha256:{hashlib.sha256(content).hexdigest()}"}

    def spec(self, scripts: dict[str, str], job: str = "job") -> dict[str, Any]:
        """An apply spec of one job with ``scripts`` (path -> text of sh)."""
        files = {f"{job}/{name}": f"#!/bin/sh\n{text}\n" for name, text in scripts.items()}
        return {
            "deployment": "paas",
            "name": "group",
            "id": "id-1",
            "index": 0,
            "job": {"name": "group", "templates": [{"name": job, "version": "1"}]},
            "packages": {},
            "networks": {},
            "configuration_hash": hashlib.sha1(repr(files).encode()).hexdigest(),
            "rendered_templates_archive": self.blob(tarball(files)),
        }


def tarball(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text.encode()), 0o755
            archive.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


def await_path(path: Path, timeout: float = 30.0) -> None:
    deadline = time.monotonic() + timeout
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} does not appear"
        time.sleep(0.01)
