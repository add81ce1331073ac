"""A lab with a director that deploys on a cloud whose hypervisor is simulated, and a watcher that boots that cloud's VMs.

The test process stays outside of the lab and is forwarded in."""

from __future__ import annotations

import dataclasses
import secrets
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import libvirt
import yaml

import lab as lab_room
from lab import cgroups
from lab.demo.record import TREE, Record
from lab.demo.site import write_site
from tests.e2e.lab import shop
from tests.e2e.lab.inside import Inside
from tests.e2e.lab.site import RUNS, Site, until
from tests.e2e.loopback.api import Api, running


@dataclasses.dataclass
class WatchedSite(Site):
    """What all such clouds have in common; each one's own site adds what it is asked."""

    watcher: subprocess.Popen = None
    untouched: object = ()

    def cloud_words(self):
        """The cloud's name and options for the watcher."""
        raise NotImplementedError

    def inventory(self):
        """All that the cloud has."""
        raise NotImplementedError

    def watch(self):
        command = [
            sys.executable, "-m", "lab.watcher", *self.cloud_words(),
            "--lab", str(self.record.lab), "--dir", str(self.directory / "vms"),
        ]  # fmt: skip
        with (self.directory / "watcher.log").open("ab") as log:
            self.watcher = subprocess.Popen(
                self.lab.command(command), cwd=TREE, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.record.keep("watcher", self.watcher)

    def unwatch(self):
        self.watcher.send_signal(signal.SIGTERM)
        self.watcher.wait(20)

    def open(self, stemcell, cloud_config):
        """Watcher and director, with stemcell, release and cloud config; nothing is deployed."""
        self.untouched = self.inventory()
        self.watch()
        self.start()
        self.ready()
        self.api.upload_stemcell(stemcell)
        self.api.upload_release(self.build_release())
        self.api.update_config("cloud", cloud_config)

    def group(self, name):
        rows = [row for row in self.api.instances(shop.NAME) if row["job_name"] == name]
        return sorted(rows, key=lambda row: row["index"])

    def begin(self, wanted):
        """A deploy under way; its task."""
        return self.api.start("POST", "/deployments", body=yaml.safe_dump(wanted).encode(), kind="text/yaml")

    def workers(self):
        """The director's CPI workers."""
        found = []
        for pid in cgroups.members(self.lab.record.cgroup):
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"cpi.worker" in words:
                found.append(pid)
        return found

    def answers(self, row):
        try:
            return self.inside.get(row["ips"][0], "/health", seconds=1) == {"status": "ok"}
        except OSError:
            return False

    def life(self, row):
        """The id of the guest's first process; empty when it is off, or just going."""
        try:
            return str(self.host.root(row["vm_cid"])).split("/")[2]
        except (libvirt.libvirtError, OSError, IndexError):
            return ""

    def serves(self, row):
        """Whether its job answers, and its agent says that monit has it in hand: power that is cut before that leaves it stopped."""
        return self.answers(row) and f"{row['job_name']}/{row['index']}" in running(self.api.instances(shop.NAME))

    def anew(self, row, before):
        """Whether another life of the guest serves."""
        return self.life(row) not in ("", before) and self.serves(row)

    def shell(self, row, command):
        """In the guest, as its root; None if it is off."""
        pid = self.life(row)
        if not pid:
            return None
        inside = ["nsenter", "-t", pid, "-m", "-u", "-i", "-n", "-p", "-C", "--wd=/"]
        return subprocess.run([*inside, "sh", "-c", command], capture_output=True, text=True, timeout=20, check=False)

    def leave(self):
        """End what leads to the cloud; nobody uses it any more."""
        raise NotImplementedError

    def down(self):
        self.stop()
        if self.watcher is not None:
            self.unwatch()
        self.leave()
        super().down()


@dataclasses.dataclass
class Ground:
    """What a site stands on: its directory, its lab, and a way into that."""

    directory: object
    record: Record
    lab: lab_room.Lab
    inside: Inside

    @classmethod
    def make(cls, kind):
        name = f"{kind}-{secrets.token_hex(3)}"
        directory = RUNS / name
        (directory / "home").mkdir(parents=True)
        record = Record(directory)
        lab = lab_room.up(record.lab, name)
        return cls(directory, record, lab, Inside(lab))

    def configure(self, kind, properties):
        """The director's configuration with a CPI."""
        config = write_site(self.record, self.lab)
        document = yaml.safe_load(config.read_text())
        document["meristem"]["cpi"] = {"type": kind, "properties": properties}
        config.write_text(yaml.safe_dump(document, sort_keys=False))
        return config

    def api(self, port):
        ca = self.directory / "certificates" / "api" / "ca.pem"
        return Api(f"https://127.0.0.1:{port}", ca, "admin", (self.directory / "password").read_text().strip())


def error_of(finished):
    """The one error that a deploy ended with."""
    [told] = {event["data"]["error"] for event in finished.events if event.get("state") == "failed"}
    return told


@contextmanager
def meanwhile(condition, action):
    """Once the condition holds, act; the `with` ends after that."""
    failures = []

    def run():
        try:
            until("the moment comes", 60, condition, pause=0.01)
            action()
        except AssertionError as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join()
    assert failures == []
