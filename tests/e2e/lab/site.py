"""A lab of its own with a director inside, as the demo has it; the test process stays outside and is forwarded in."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

import lab as lab_room
from lab.demo.parts import await_api
from lab.demo.record import TREE, Record
from lab.demo.site import API_PORT, write_site
from lab.forward import Forwarding
from stemcells.build import build
from tests.e2e.lab.host import Host
from tests.e2e.lab.inside import Inside
from tests.e2e.loopback.api import Api

RUNS = Path(os.environ.get("MERISTEM_RUN", "/var/lib/meristem"))
MERISTEM = str(Path(sys.executable).with_name("meristem"))
RECIPE = "debian-12"
POST_DEPLOY = '#!/bin/bash\necho "$(date -u +%FT%T.%NZ) post-deploy" >> /var/vcap/sys/log/store/lifecycle.log\n'


@dataclass
class Site:
    """The director's processes, its client, and what a test asks of the machine beneath."""

    directory: Path
    lab: lab_room.Lab
    record: Record
    config: Path
    forwarding: Forwarding
    api: Api
    host: Host
    inside: Inside
    director: subprocess.Popen[bytes] | None = None
    starts: int = 0

    @property
    def log(self) -> Path:
        return self.directory / "director.log"

    @property
    def port(self) -> int:
        return self.forwarding.ports[0]

    def start(self, **environment: str) -> None:
        """Start the director, with more environment, without waiting for anything."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("BOSH_", "MERISTEM_"))}
        with self.log.open("ab") as log:
            self.director = subprocess.Popen(
                self.lab.command([sys.executable, "-m", "director.main", "--config", str(self.config)]),
                cwd=TREE, env={**clean, **environment}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.record.keep("director", self.director)
        self.starts += 1

    def ready(self) -> None:
        """Until the API answers."""
        await_api(self.record, self.port)

    def stop(self) -> None:
        """An orderly end."""
        if self.director is not None and self.director.poll() is None:
            self.director.send_signal(signal.SIGTERM)
            try:
                self.director.wait(20)
            except subprocess.TimeoutExpired:
                self.director.kill()
                self.director.wait(5)

    def death(self, seconds: float) -> int | None:
        """The status with which the director ended (negative: the signal); None when it still runs after so long."""
        assert self.director is not None
        try:
            return self.director.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def environment(self) -> dict[str, str]:
        """What leads the CLI, run inside the lab, to this director."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith("BOSH_")}
        return {
            **clean,
            "HOME": str(self.directory / "home"),
            "BOSH_ENVIRONMENT": f"https://{self.lab.address}:{API_PORT}",
            "BOSH_CA_CERT": str(self.directory / "certificates" / "api" / "ca.pem"),
            "BOSH_CLIENT": "admin",
            "BOSH_CLIENT_SECRET": (self.directory / "password").read_text().strip(),
            "BOSH_NON_INTERACTIVE": "true",
        }

    def cli(self, *words: str, check: bool = True, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        """Run `meristem` inside the lab to its end."""
        done = subprocess.run(
            self.lab.command([MERISTEM, *words]), env=self.environment(), cwd=self.directory, check=False,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def begin_cli(self, *words: str) -> subprocess.Popen[str]:
        """Start `meristem` inside the lab, in a process group of its own."""
        return subprocess.Popen(
            self.lab.command([MERISTEM, *words]), env=self.environment(), cwd=self.directory,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, process_group=0,
        )  # fmt: skip

    def build_stemcell(self, version: str) -> Path:
        """The Debian stemcell under a version; the same image for all."""
        out = self.directory / f"stemcell-{version}.tgz"
        if not out.exists():
            build(RECIPE, out, version=version)
        return out

    def build_release(self, version: str = "1", *, changed: bool = False) -> Path:
        """The demo release, by our CLI, from a copy of its sources; ``changed``: with other packages, which must be compiled anew,
        and a post-deploy script for the store."""
        out = self.directory / f"demo-{version}.tgz"
        if not out.exists():
            sources = self.directory / f"release-{version}"
            shutil.copytree(TREE / "releases/demo", sources)
            if changed:
                with (sources / "src/runtime-lib/runtime_lib/__init__.py").open("a") as file:
                    file.write(f"# {version}\n")
                job = sources / "jobs/store"
                spec = (job / "spec").read_text()
                (job / "spec").write_text(
                    spec.replace("templates:\n", "templates:\n  post-deploy.erb: bin/post-deploy\n")
                )
                (job / "templates/post-deploy.erb").write_text(POST_DEPLOY)
            words = ["create-release", "--dir", str(sources), "--force", "--version", version, "--tarball", str(out)]
            self.cli(*words)
        return out

    def remove_all(self) -> None:
        """Delete what is deployed, and orphaned disks."""
        for deployment in self.api.get("/deployments"):
            self.api.delete_deployment(deployment["name"], force="true")
        for orphan in self.api.get("/disks"):
            self.api.run("DELETE", f"/disks/{orphan['disk_cid']}")

    def down(self) -> None:
        """End and remove everything; doing it twice is fine."""
        self.api.close()
        self.stop()
        self.host.close()
        self.inside.close()
        self.forwarding.stop()
        self.lab.down()
        shutil.rmtree(self.directory, ignore_errors=True)


def build_site(**more: object) -> Site:
    """A lab and a running director; ``more`` goes to the top of director.yml."""
    name = f"e2e-{secrets.token_hex(3)}"
    directory = RUNS / name
    directory.mkdir(parents=True)
    (directory / "home").mkdir()
    record = Record(directory)
    lab = lab_room.up(record.lab, name)
    try:
        config = write_site(record, lab)
        document = yaml.safe_load(config.read_text())
        config.write_text(yaml.safe_dump({**document, **more}, sort_keys=False))
        forwarding = Forwarding.start(lab, [(0, lab.address, API_PORT)])
        ca = directory / "certificates" / "api" / "ca.pem"
        password = (directory / "password").read_text().strip()
        api = Api(f"https://127.0.0.1:{forwarding.ports[0]}", ca, "admin", password)
        site = Site(directory, lab, record, config, forwarding, api, Host(lab, directory / "vms"), Inside(lab))
    except BaseException:
        lab.down()
        shutil.rmtree(directory, ignore_errors=True)
        raise
    try:
        site.start()
        site.ready()
    except BaseException:
        site.down()
        raise
    return site


def until(what: str, seconds: float, done: Callable[[], bool], pause: float = 0.05) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(pause)
