"""Jobs of the release as they are on a VM, in a namespace of their own: rendered by the director's Ruby, below a private /var/vcap."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import yaml

from director.adapters.templates import ErbTemplates
from director.ports.templates import RenderRequest
from tests.paas.services.component import SOURCES
from tests.programs import need

RELEASE = SOURCES.parent
VCAP = 64317

INSIDE = """
set -e
ip link set lo up
mount --make-rprivate /
mount --bind {top}/passwd /etc/passwd
mount --bind {top}/group /etc/group
mount -t tmpfs none /var
mkdir /var/vcap
mount --bind {top}/vcap /var/vcap
echo ready
exec tini sleep infinity
"""


class JobTree:
    """One VM's worth of jobs, run by their own scripts; network, mounts and the user ``vcap`` are private."""

    def __init__(self, top: Path, engines: Path) -> None:
        need("ruby", "unshare", "nsenter", "tini")
        self.top = top
        self.jobs: list[str] = []
        self._links: dict[str, dict[str, Any]] = {}
        top.chmod(0o755)
        self._packages(engines)
        for name, line in (("passwd", f"vcap:x:{VCAP}:{VCAP}::/:/bin/sh\n"), ("group", f"vcap:x:{VCAP}:\n")):
            (top / name).write_text(Path("/etc", name).read_text() + line)
        self._inside = subprocess.Popen(
            [
                "unshare",
                "--mount",
                "--net",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "sh",
                "-c",
                INSIDE.format(top=top),
            ],
            stdout=subprocess.PIPE,
        )
        assert self._inside.stdout is not None
        assert self._inside.stdout.readline() == b"ready\n"
        listed = Path(f"/proc/{self._inside.pid}/task/{self._inside.pid}/children").read_text()
        self._pid = listed.split()[0]

    def close(self) -> None:
        """All of it ends."""
        self._inside.kill()
        self._inside.wait()

    def words(self, *command: str) -> list[str]:
        """The command, inside."""
        return ["nsenter", "-t", self._pid, "-m", "-n", "-p", *command]

    def run(self, *command: str, check: bool = True, seconds: float = 120) -> str:
        """What the command said, inside."""
        done = subprocess.run(self.words(*command), capture_output=True, text=True, timeout=seconds)
        said = (done.stdout + done.stderr).strip()
        assert done.returncode == 0 or not check, f"{command}: {done.returncode}: {said}\n{self.logs()}"
        return said

    def logs(self) -> str:
        """The ends of all logs."""
        files = sorted(self.top.glob("vcap/sys/log/**/*.log"))
        return "\n".join(f"== {file.name}\n{file.read_text(errors='replace')[-1500:]}" for file in files)

    async def add(self, name: str, properties: dict[str, Any]) -> None:
        """Render the job and run its ``pre-start``."""
        folder = RELEASE / "jobs" / name
        spec = yaml.safe_load((folder / "spec").read_text())
        held: dict[str, Any] = {}
        for path, declared in spec.get("properties", {}).items():
            if "default" in declared:
                _put(held, path, declared["default"])
        for path, value in properties.items():
            assert path in spec["properties"], f"{name} has no property {path}"
            _put(held, path, value)
        wanted = [one["name"] for one in spec.get("consumes", []) if one["type"] in self._links]
        types = {one["name"]: one["type"] for one in spec.get("consumes", [])}
        facts = {"name": name, "index": 0, "id": f"{name}-0", "az": "z1", "address": "127.0.0.1", "ip": "127.0.0.1"}
        context = {
            **facts,
            "spec": {**facts, "networks": {}},
            "properties": held,
            "links": {one: self._links[types[one]] for one in wanted},
        }
        archive = self.top / f"{name}.tgz"
        with tarfile.open(archive, "w:gz") as tar:
            _file(tar, "monit", (folder / "monit").read_text())
            for source in spec["templates"]:
                _file(tar, f"templates/{source}", (folder / "templates" / source).read_text())
        renderer = ErbTemplates(seconds=60)
        try:
            (answer,) = await renderer.render([RenderRequest(name, name, name, archive, spec, context)])
        finally:
            await renderer.close()
        assert answer.errors == (), answer.errors
        for destination, content in answer.files.items():
            file = self.top / "vcap/jobs" / name / destination
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            file.chmod(0o750 if destination.startswith("bin/") else 0o640)
        for provided in spec.get("provides", []):
            shown: dict[str, Any] = {}
            for path in provided.get("properties", []):
                if (value := _get(held, path)) is not None:
                    _put(shown, path, value)
            self._links[provided["type"]] = {"instances": [facts], "properties": shown}
        self.jobs.append(name)
        (self.top / "vcap/sys/log" / name).mkdir(parents=True, exist_ok=True)
        shutil.chown(self.top / "vcap/sys/log" / name, VCAP, VCAP)
        self.script(name, "pre-start")

    def link(self, type: str, properties: dict[str, Any]) -> None:
        """A link to a job that is elsewhere."""
        facts = {"name": type, "index": 1, "id": f"{type}-1", "az": "z1", "address": "127.0.0.1", "ip": "127.0.0.1"}
        self._links[type] = {"instances": [facts], "properties": properties}

    def package(self, name: str) -> Path:
        """The folder of a package."""
        folder = self.top / "vcap/packages" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def script(self, job: str, script: str, *arguments: str) -> str:
        """Run one of the job's scripts."""
        if not (self.top / "vcap/jobs" / job / "bin" / script).exists():
            return ""
        return self.run(f"/var/vcap/jobs/{job}/bin/{script}", *arguments)

    def start(self) -> None:
        """As the agent does: all are started, then all are asked whether they are fit."""
        for job in self.jobs:
            self.script(job, "ctl", "start")
        for job in self.jobs:
            self.script(job, "post-start")

    def stop(self) -> None:
        """In the reverse order."""
        for job in reversed(self.jobs):
            self.script(job, "ctl", "stop")

    def processes(self) -> list[str]:
        """Command lines of user ``vcap``."""
        return self.run("ps", "-u", str(VCAP), "-o", "args=", check=False).splitlines()

    def _packages(self, engines: Path) -> None:
        packages = self.top / "vcap/packages"
        for folder in ("control/bin", "python_runtime/bin", "postgres", "redis/bin", "nats/bin"):
            (packages / folder).mkdir(parents=True)
        shutil.copy(RELEASE / "src/control/job", packages / "control/bin/job")
        (packages / "control/bin/job").chmod(0o755)
        runtime = packages / "python_runtime/bin/paas"
        runtime.write_text(
            f'#!/bin/sh\nroom=$1\nshift\nPYTHONPATH={SOURCES} exec {sys.executable} -m paas.$room "$@"\n'
        )
        runtime.chmod(0o755)
        (packages / "postgres/bin").symlink_to(engines)
        for package, program in (("redis", "redis-server"), ("nats", "nats-server")):
            found = shutil.which(program)
            assert found, program
            (packages / package / "bin" / program).symlink_to(found)


def _put(into: dict[str, Any], path: str, value: Any) -> None:
    *folders, last = path.split(".")
    for folder in folders:
        into = into.setdefault(folder, {})
    into[last] = value


def _get(held: dict[str, Any], path: str) -> Any:
    value: Any = held
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _file(tar: tarfile.TarFile, name: str, text: str) -> None:
    info = tarfile.TarInfo(f"./{name}")
    info.size = len(text.encode())
    tar.addfile(info, io.BytesIO(text.encode()))
