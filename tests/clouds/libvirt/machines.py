"""What the tests ask of libvirt and of a machine's inside, past the CPI."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import libvirt
import libvirt_qemu

from lab import storage, up
from tests.e2e.lab.site import RUNS

libvirt.registerErrorHandler(lambda *_: None, None)


class World:
    """The lab, and its libvirt."""

    @classmethod
    @contextmanager
    def laid(cls, kind: str) -> Generator[World]:
        """For a `with`; nothing may be left in it at the end."""
        name = f"{kind}{secrets.token_hex(3)}"
        folder = RUNS / name
        lab = up(folder / "lab", name)
        try:
            storage.start(lab.record, folder / "pool")
            made = cls(lab, folder, name)
            yield made
            assert made.leftovers() == []
        finally:
            lab.down()
            shutil.rmtree(folder, ignore_errors=True)

    def __init__(self, lab: Any, folder: Path, name: str) -> None:
        self.lab = lab
        self.folder = folder
        self.name = name
        self.pool = folder / "pool"
        self.uri = storage.machine_uri(lab.record)
        self.context = {
            "virt_type": "qemu",
            "uri": self.uri,
            "state_dir": str(folder / "cpi"),
            "network": lab.record.network,
            "name_prefix": name,
            "agent": {"mbus": "nats://10.77.0.1:4222", "ntp": []},
            "director_uuid": "uuid",
            "request_id": "cpi-111111",
        }

    def networks(self, last: int, **more: object) -> dict[str, Any]:
        """One manual network with the address 10.77.0.LAST."""
        entry = {"type": "manual", "ip": f"10.77.0.{last}", "netmask": "255.255.255.0", "prefix": "24",
                 "gateway": "10.77.0.1", "dns": [], "default": ["dns", "gateway"], "cloud_properties": {}, **more}  # fmt: skip
        return {"default": entry}

    def connection(self) -> libvirt.virConnect:
        return libvirt.open(self.uri)

    def domain(self, cid: str) -> libvirt.virDomain:
        return self.connection().lookupByName(cid)

    def xml(self, cid: str) -> str:
        return self.domain(cid).XMLDesc(0)

    def volumes(self) -> list[str]:
        return sorted(os.listdir(self.pool))

    def leftovers(self) -> list[str]:
        """Domains and volumes of this run."""
        return [one.name() for one in self.connection().listAllDomains(0)] + self.volumes()

    def agent(self, cid: str, command: str, **arguments: object) -> Any:
        """A word to QEMU's guest agent."""
        words = json.dumps({"execute": command, "arguments": arguments})
        return json.loads(libvirt_qemu.qemuAgentCommand(self.domain(cid), words, 20, 0))["return"]

    def run(self, cid: str, script: str, check: bool = True) -> str:
        """Run a shell script inside, as root; what it printed."""
        arguments = {"path": "/bin/sh", "arg": ["-c", script], "capture-output": True,
                     "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}  # fmt: skip
        pid = self.agent(cid, "guest-exec", **arguments)["pid"]
        until = time.monotonic() + 60
        while not (done := self.agent(cid, "guest-exec-status", pid=pid))["exited"]:
            assert time.monotonic() < until, script
            time.sleep(0.1)
        out, err = (base64.b64decode(done.get(key, "")).decode() for key in ("out-data", "err-data"))
        if check and done.get("exitcode") != 0:
            raise AssertionError(f"{script}: {done.get('exitcode')}: {out}{err}")
        return out.strip()

    def booted(self, cid: str, seconds: float = 240) -> float:
        """Wait until the first boot's work is done, the agent runs and people can log in; the seconds it took."""
        begin = time.monotonic()
        wanted = "systemctl is-active meristem-firstboot meristem-agent ssh"
        seen = ""
        while time.monotonic() - begin < seconds:
            try:
                seen = self.run(cid, wanted, check=False)
                if seen.split() == ["active"] * 3:
                    return time.monotonic() - begin
            except libvirt.libvirtError as error:
                seen = str(error)
            time.sleep(1)
        raise AssertionError(f"{cid} does not boot within {seconds} s: {seen}; its console ends:\n{self.console(cid)}")

    def console(self, cid: str) -> str:
        path = self.pool / f"{cid}.console"
        return path.read_text(errors="replace")[-3000:] if path.exists() else "(none)"

    def image_size(self, name: str) -> int:
        """Bytes that a guest would see of a volume's file."""
        told = subprocess.run(
            ["qemu-img", "info", "-U", "--output=json", self.pool / name], check=True, capture_output=True
        ).stdout
        return int(json.loads(told)["virtual-size"])
