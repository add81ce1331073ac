"""A whole boot on Linux, in namespaces of its own: host name, network, accounts and folders are real but private."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.lab

MEMORY = {"job_dir": {"tmpfs": True, "tmpfs_size": "8m"}, "run_dir": {"tmpfs_size": "4m"}}
MAC = "52:54:00:12:34:56"

# The machine's own /etc, /home and /run stay untouched: the boot sees copies.
PREPARE = """set -e
cp -a /etc {folder}/etc
rm -f {folder}/etc/resolv.conf
mkdir {folder}/home {folder}/run
mount --bind {folder}/etc /etc
mount --bind {folder}/home /home
mount --bind {folder}/run /run
ip link add eth7 address {mac} type veth peer name eth8
"""

INSPECT = """
import grp, json, os, pathlib, pwd, re, socket, subprocess
def ip(*words): return json.loads(subprocess.run(["ip", "-j", *words], capture_output=True, check=True).stdout or "[]")
base = pathlib.Path(BASE)
def facts(path):
    status = (base / path).stat()
    return [oct(status.st_mode & 0o7777), pwd.getpwuid(status.st_uid).pw_name, grp.getgrgid(status.st_gid).gr_name]
links = [{**link, "addr_info": link.get("addr_info", [])} for link in ip("addr")]
print(json.dumps({
    "host": socket.gethostname(),
    "hostname": pathlib.Path("/etc/hostname").read_text(),
    "hosts": pathlib.Path("/etc/hosts").read_text().splitlines()[0],
    "resolver": pathlib.Path("/etc/resolv.conf").read_text(),
    "addresses": {link["ifname"]: [f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"]] for link in links},
    "default": [[route["gateway"], route["dev"]] for route in ip("route", "show", "default")],
    "routes": sorted(route["dst"] for route in ip("route") if "gateway" in route),
    "groups": sorted(group.gr_name for group in grp.getgrall() if "vcap" in group.gr_mem),
    "keys": pathlib.Path("/home/vcap/.ssh/authorized_keys").read_text(),
    "shadow": [line.split(":")[1] for line in open("/etc/shadow") if line.startswith(("vcap:", "root:"))],
    "modes": {name: facts(name) for name in ("data", "data/sys/run", "sys/log", "bosh/settings.json", "monit/monitrc")},
    "stale": (base / "sys/run/stale.pid").exists(),
    "memory": [os.statvfs(base / name).f_blocks * os.statvfs(base / name).f_frsize for name in ("data/jobs", "sys/run")],
    "ntp": (base / "bosh/etc/ntpserver").read_text(),
}))
"""

SSH = """
import json, os, pathlib, pwd, sys
from agent.layout import Layout
from agent.platform.linux import Linux
base = pathlib.Path(BASE)
linux = Linux(Layout(base, pathlib.Path("/")))
for _ in range(2):
    linux.add_ssh_user("bosh_0123", "ssh-ed25519 AAAA operator", base / "bosh_ssh")
keys = base / "bosh_ssh/bosh_0123/.ssh/authorized_keys"
seen = [keys.read_text(), oct(keys.stat().st_mode & 0o777), pwd.getpwnam("bosh_0123").pw_dir]
linux.remove_ssh_users("^bosh_0123", base / "bosh_ssh")
linux.remove_ssh_users(".*", base / "bosh_ssh")
print(json.dumps([*seen, [u.pw_name for u in pwd.getpwall() if u.pw_name in ("bosh_0123", "vcap", "root")], keys.exists()]))
"""


def settings() -> dict[str, Any]:
    return {
        "agent_id": "agent-7",
        "vm": {"name": "vm-7"},
        "mbus": "nats://10.77.0.1:4222",
        "networks": {
            "private": {
                "type": "manual",
                "ip": "10.99.0.7",
                "netmask": "255.255.255.128",
                "gateway": "10.99.0.1",
                "dns": ["10.99.0.2", "10.99.0.3"],
                "default": ["dns", "gateway"],
                "mac": MAC.upper(),
                "routes": [{"Destination": "10.50.0.0", "Netmask": "255.255.0.0", "Gateway": "10.99.0.9"}],
            },
            "public": {"type": "vip", "ip": "192.0.2.7"},
        },
        "disks": {},
        "ntp": ["10.99.0.4"],
        "env": {"bosh": {"authorized_keys": ["ssh-ed25519 AAAA lab"], "password": "$6$salt$hash", **MEMORY}},
    }


def in_namespaces(script: str) -> str:
    done = subprocess.run(
        ["unshare", "-m", "-n", "-u", "--propagation", "private", "sh", "-ec", script],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_bare_machine_becomes_a_vm(tmp_path: Path, zipapp: Path) -> None:
    base = tmp_path / "vcap"
    (base / "seed").mkdir(parents=True)
    (base / "seed" / "settings.json").write_text(json.dumps(settings()))
    (base / "data/sys/run").mkdir(parents=True)
    (base / "data/sys/run/stale.pid").write_text("1\n")
    (tmp_path / "look.py").write_text(f"BASE = {str(base)!r}\n{INSPECT}")
    (tmp_path / "let_in.py").write_text(f"BASE = {str(base)!r}\n{SSH}")
    boot = f"{sys.executable} {zipapp} boot --base {base} 2>&1 || {{ cat {base}/bosh/log/current >&2; exit 1; }}\n"
    script = PREPARE.format(folder=tmp_path, mac=MAC)
    script += f"({boot}{boot}) >{tmp_path}/boot.log\n{sys.executable} {tmp_path}/look.py\n"
    script += f"PYTHONPATH={zipapp} {sys.executable} {tmp_path}/let_in.py\n"
    said = in_namespaces(script)
    assert len(said.splitlines()) == 2, said
    first, second = said.splitlines()
    seen = json.loads(first)
    assert (seen["host"], seen["hostname"], seen["hosts"]) == ("agent-7", "agent-7\n", "127.0.0.1 localhost agent-7")
    assert seen["resolver"] == "nameserver 10.99.0.2\nnameserver 10.99.0.3\n"
    assert "10.99.0.7/25" in seen["addresses"]["eth7"]
    assert not [address for address in seen["addresses"]["eth8"] if address.startswith("10.")]
    assert seen["default"] == [["10.99.0.1", "eth7"]]
    assert seen["routes"] == ["10.50.0.0/16", "default"]
    assert {"admin", "bosh_sshers", "bosh_sudoers"} <= set(seen["groups"])
    assert seen["keys"] == "ssh-ed25519 AAAA lab\n"
    assert seen["shadow"] == ["$6$salt$hash", "$6$salt$hash"]
    assert seen["modes"] == {
        "data": ["0o755", "root", "vcap"],
        "data/sys/run": ["0o770", "root", "vcap"],
        "sys/log": ["0o755", "root", "vcap"],
        "bosh/settings.json": ["0o600", "root", "root"],
        "monit/monitrc": ["0o600", "root", "root"],
    }
    assert seen["memory"] == [8 << 20, 4 << 20]
    assert (seen["stale"], seen["ntp"]) == (False, "10.99.0.4\n")
    home = f"{base}/bosh_ssh/bosh_0123"
    assert json.loads(second) == ["ssh-ed25519 AAAA operator\n", "0o600", home, ["root", "vcap"], False]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_mac_that_no_interface_has_is_named_with_those_that_are_there(tmp_path: Path, zipapp: Path) -> None:
    base = tmp_path / "vcap"
    (base / "seed").mkdir(parents=True)
    given = settings()
    given["networks"]["private"]["mac"] = "52:54:00:00:00:01"
    given["networks"]["other"] = {**given["networks"]["private"], "mac": MAC, "default": []}
    (base / "seed" / "settings.json").write_text(json.dumps(given))
    script = PREPARE.format(folder=tmp_path, mac=MAC)
    script += f"! {sys.executable} {zipapp} boot --base {base} 2>&1\n"
    said = in_namespaces(script).splitlines()[-1]
    assert "settings: networks.private: no interface has MAC 52:54:00:00:00:01; present: eth7 52:54:00:12:34:56" in said
