"""The stemcell of this tree boots as a container and becomes what the settings say."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from container import Container

import lab

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]

ADDRESS = "10.77.0.21"
MAC = "52:54:00:00:00:15"


@pytest.fixture(scope="module")
def key(house: lab.Lab) -> Path:
    path = house.directory / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


@pytest.fixture(scope="module")
def container(house: lab.Lab, root: Path, key: Path) -> Iterator[Container]:
    network = {
        "type": "manual", "ip": ADDRESS, "netmask": "255.255.255.0", "gateway": house.address,
        "dns": [], "default": ["dns", "gateway"], "mac": MAC, "cloud_properties": {},
    }  # fmt: skip
    settings = {
        "agent_id": "a-boot-test",
        "vm": {"name": "vm-boot-test"},
        "mbus": f"nats://{house.address}:4222",
        "ntp": [],
        "blobstore": {"provider": "dav", "options": {}},
        "disks": {"system": "/dev/sda", "ephemeral": None, "persistent": {}},
        "networks": {"default": network},
        "env": {"bosh": {"authorized_keys": [key.with_suffix(".pub").read_text().strip()]}},
    }
    seed = house.directory / "seed"
    seed.mkdir()
    (seed / "settings.json").write_text(json.dumps(settings))
    (seed / "settings.json").chmod(0o600)
    made = Container(house, "boot-test", root, seed, MAC)
    try:
        yield made
    finally:
        made.destroy()


def test_systemd_reaches_running(container: Container) -> None:
    seconds = container.wait("systemctl is-system-running --wait", 180, wanted="running")
    print(f"running after {seconds:.2f} s: {container.shell('systemd-analyze').stdout.splitlines()[0]}")
    failed = container.shell("systemctl --failed --no-legend --plain").stdout
    assert failed == ""


def test_people_log_in_by_key_and_become_root(house: lab.Lab, container: Container, key: Path) -> None:
    container.wait("systemctl is-active ssh", 120)
    login = [
        "ssh", "-i", str(key), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes",
        "-o", "LogLevel=ERROR", f"vcap@{ADDRESS}",
    ]  # fmt: skip
    assert house.exec([*login, "id -un && sudo -n id -un"], timeout=60).stdout.split() == ["vcap", "root"]
    refused = house.exec([*login[:-1], f"root@{ADDRESS}", "true"], timeout=60, check=False)
    assert refused.returncode == 255
    assert "Permission denied" in refused.stderr


def test_monit_answers_its_user_only(container: Container) -> None:
    container.wait("systemctl is-active monit", 120)
    address = "http://127.0.0.1:2822/_status?format=xml"
    container.wait(f"curl -sf -u \"$(cat /var/vcap/monit/monit.user)\" '{address}'", 120, wanted="<monit")
    refused = container.shell(f"curl -s -o /dev/null -w '%{{http_code}}' '{address}'")
    assert refused.stdout == "401"


def test_the_agent_is_started(container: Container) -> None:
    shown = container.shell("systemctl show meristem-agent -p ExecMainStartTimestampMonotonic --value").stdout
    assert int(shown) > 0


def test_a_vm_has_an_identity_of_its_own(container: Container, root: Path) -> None:
    public = container.shell("ls /etc/ssh/ssh_host_*").stdout.split()
    assert public == ["/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_ed25519_key.pub"]
    assert len(container.shell("cat /etc/machine-id").stdout.strip()) == 32
    assert container.shell("hostname").stdout.strip() != "bosh-stemcell"


def test_limits_and_groups_stay_inside_the_labs_group(house: lab.Lab, container: Container) -> None:
    lines = Path(f"/proc/{container.init}/cgroup").read_text().splitlines()
    for line in lines:
        assert f"/{house.record.cgroup}/" in line.split(":", 2)[2] + "/", line


def test_a_reboot_from_inside_really_restarts(container: Container) -> None:
    container.wait("systemctl is-system-running --wait", 180, wanted="running")
    before = container.init
    asked = container.shell("systemctl reboot")
    deadline = time.monotonic() + 180
    seen = ""
    while time.monotonic() < deadline:
        try:
            seen = container.shell("systemctl is-system-running").stdout.strip()
            if container.init != before and seen == "running":
                return
        except (FileNotFoundError, IndexError, subprocess.TimeoutExpired) as error:
            seen = repr(error)
        time.sleep(0.1)
    raise AssertionError(f"the container did not come back within 180 s: {asked}; at the end: {seen}")
