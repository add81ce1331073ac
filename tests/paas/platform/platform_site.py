"""The whole platform in a lab of its own: the small manifest with three servers of the bus and two DEAs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lab.demo.record import TREE
from lab.platform.release import build_release
from tests.e2e.lab.site import Site

MANIFESTS = TREE / "manifests/paas"
SYSTEM, APPS = "sys.paas.test", "apps.paas.test"
ROUTER = "10.77.0.10"
ADMIN = "an-admin-password"
OPS = ("three-nats.yml", "two-deas.yml", "example-service.yml")


@dataclass
class Platform:
    """A site whose director has the PaaS deployed."""

    site: Site
    ops: tuple[str, ...] = OPS

    def release(self, version: str) -> Path:
        """The release's tarball."""
        directory = self.site.directory
        return build_release(directory / f"paas-{version}.tgz", version, self.site.cli, lambda _: None)

    def upload(self) -> None:
        """Release and cloud config."""
        self.site.cli("upload-release", str(self.release("1")))
        self.site.cli("update-cloud-config", str(TREE / "manifests/local/cloud-config.yml"))

    def deploy(self, *options: str, seconds: float = 900) -> str:
        """``meristem deploy`` of the small manifest with the ops of this platform."""
        values = self.site.directory / "values.yml"
        values.write_text(
            yaml.safe_dump(
                {"control_ip": ROUTER, "system_domain": SYSTEM, "apps_domain": APPS, "admin_password": ADMIN}
            )
        )
        words = ["-d", "paas", "deploy", str(MANIFESTS / "small.yml"), "-l", str(values)]
        words += ["--vars-store", str(self.secrets)]
        for name in self.ops:
            words += ["-o", str(MANIFESTS / "ops" / name)]
        return self.site.cli(*words, *options, seconds=seconds).stdout

    @property
    def secrets(self) -> Path:
        return self.site.directory / "secrets.yml"

    def vms(self) -> list[dict[str, Any]]:
        """Instance and CID of all VMs."""
        return json.loads(self.site.cli("-d", "paas", "vms", "--json").stdout)["Tables"][0]["Rows"]

    def on(self, instance: str, command: str) -> str:
        """A command on a VM, as root; what it printed."""
        told = self.site.cli(
            "-d", "paas", "ssh", instance, "-r", "--json", "-c", f"sudo sh -c {_quoted(command)}"
        ).stdout
        (row,) = json.loads(told)["Tables"][0]["Rows"]
        return row["stdout"]

    def log_in(self, name: str) -> None:
        """As the admin, in an organization and a space of this name."""
        self.paas("target", f"https://api.{SYSTEM}")
        self.paas("login", "-u", "admin", "-p", ADMIN)
        self.paas("create-org", name)
        self.paas("create-space", name, "-o", name)
        self.paas("target", "-o", name, "-s", name)

    def command(self, *words: str) -> list[str]:
        """The platform's own client, inside the lab."""
        return self.site.lab.command([str(Path(sys.executable).with_name("paas")), *words])

    def environment(self) -> dict[str, str]:
        """What leads the client here."""
        ca = self.site.directory / "paas-ca.pem"
        if not ca.exists():
            ca.write_text(yaml.safe_load(self.secrets.read_text())["paas_ca"]["ca"])
        home = str(self.site.directory / "home")
        return {**self.site.environment(), "PAAS_HOME": home, "PAAS_CONNECT": ROUTER, "PAAS_CA": str(ca)}

    def paas(self, *words: str, check: bool = True, seconds: float = 300) -> str:
        """Run the client to its end."""
        done = subprocess.run(
            self.command(*words), env=self.environment(), cwd=self.site.directory, check=False,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"paas {words[0]}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    @contextmanager
    def load(self, app: str, rate: int = 100) -> Iterator[Outcome]:
        """A steady load on an app for as long as the block; what came of it is known afterwards."""
        outcome = Outcome()
        command = [sys.executable, "-m", "tests.paas.platform.load", ROUTER, "80", f"{app}.{APPS}", str(rate)]
        process = subprocess.Popen(
            self.site.lab.command(command), cwd=TREE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            yield outcome
        finally:
            told, _ = process.communicate(timeout=90)
            outcome.take(json.loads(told))


@dataclass
class Outcome:
    """How many answers of which status; lines about those that were not 2xx; the longest wait in seconds."""

    statuses: dict[str, int] = field(default_factory=dict[str, int])
    bad: list[str] = field(default_factory=list[str])
    longest: float = 0

    def take(self, told: dict[str, Any]) -> None:
        self.statuses, self.bad, self.longest = told["statuses"], told["bad"], told["longest"]

    @property
    def good(self) -> int:
        return sum(count for status, count in self.statuses.items() if status.startswith("2"))


def checks(told: str) -> dict[str, bool]:
    """What the acceptance errand printed: check -> whether it held."""
    return {name: word == "ok" for word, name in re.findall(r"\b(ok|FAILED) ([a-z_0-9]+) \([0-9.]+ s\)", told)}


def _quoted(command: str) -> str:
    return "'" + command.replace("'", "'\\''") + "'"
