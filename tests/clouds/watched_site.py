"""A lab with a director that deploys on a cloud whose hypervisor is simulated, and a watcher that boots that cloud's VMs.

The test process stays outside of the lab and is forwarded in."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import libvirt

from lab import cgroups
from lab.demo.record import TREE
from tests.clouds.deploys.cloud_site import CloudSite
from tests.e2e.lab import shop
from tests.e2e.lab.site import until
from tests.e2e.loopback.api import running


@dataclasses.dataclass
class WatchedSite(CloudSite):
    """What all such clouds have in common; each one's own site adds what it is asked."""

    watcher: subprocess.Popen = None

    def cloud_words(self):
        """The cloud's name and options for the watcher."""
        raise NotImplementedError

    def watch(self):
        self.watcher = begin_watcher(self, "watcher", self.directory / "vms", *self.cloud_words())

    def unwatch(self):
        end_watcher(self.watcher)

    def open(self, stemcell, cloud_config):
        self.watch()
        super().open(stemcell, cloud_config)

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

    def run(self, row, script):
        done = self.shell(row, script)
        assert done is not None and done.returncode == 0, f"{script}: {done}"
        return done.stdout.strip()

    def leave(self):
        """End what leads to the cloud; nobody uses it any more."""
        raise NotImplementedError

    def down(self):
        self.stop()
        if self.watcher is not None:
            self.unwatch()
        self.leave()
        super().down()


def begin_watcher(site, name, folder, *words):
    """A process in the lab of a site that boots a cloud's VMs; `words`: the cloud's name and options."""
    command = [sys.executable, "-m", "lab.watcher", *words, "--lab", str(site.record.lab), "--dir", str(folder)]
    with (site.directory / f"{name}.log").open("ab") as log:
        watcher = subprocess.Popen(
            site.lab.command(command), cwd=TREE, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    site.record.keep(name, watcher)
    return watcher


def end_watcher(watcher):
    watcher.send_signal(signal.SIGTERM)
    watcher.wait(20)


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
