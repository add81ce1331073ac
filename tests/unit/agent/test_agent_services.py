"""Logs, DNS, ssh, files and folders of the VM."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tarfile
from pathlib import Path

import pytest
from agent_world import AgentWorld, Refused

from agent.blobs import digest
from agent.bus.alerts import alert_from
from agent.errors import ArgumentError, DigestMismatch


def logs(world: AgentWorld) -> None:
    for name in ("router/access.log", "router/deep/er/x.log", "cc/cc.log"):
        path = world.layout.sys_log / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (world.layout.sys_log / "out").symlink_to("/etc")


def packed(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        return sorted(archive.getnames())


def test_job_logs_go_to_a_new_blob(world: AgentWorld) -> None:
    logs(world)
    value = world.do("fetch_logs", "job", [])
    assert packed(world.blobs / value["blobstore_id"]) == ["cc/cc.log", "router/access.log", "router/deep/er/x.log"]
    digest.verify(world.blobs / value["blobstore_id"], value["sha1"], "logs")
    value = world.do("fetch_logs", "job", ["router/*.log", "../../bosh/*.json", "out/passwd"])
    assert packed(world.blobs / value["blobstore_id"]) == ["router/access.log"]
    with pytest.raises(Refused, match=r"log type 'kernel': expected a comma list of job, agent and system"):
        world.do("fetch_logs", "kernel", [])


def test_bundled_logs_are_a_file_that_can_be_removed(world: AgentWorld) -> None:
    logs(world)
    (world.layout.agent_log / "current").write_text("log")
    value = world.ask("bundle_logs", {"log_type": "job,agent", "filters": ["**/*.log", "current"]})
    path = Path(value["logs_tar_path"])
    assert packed(path) == ["cc/cc.log", "current", "router/access.log", "router/deep/er/x.log"]
    (world.layout.system_log).mkdir(parents=True)
    (world.layout.system_log / "syslog").write_text("system")
    system = world.ask("bundle_logs", {"log_type": "job,system", "filters": ["cc/*", "syslog"]})["logs_tar_path"]
    assert packed(Path(system)) == ["cc/cc.log", "var/log/syslog"]
    assert value["sha512"] == hashlib.sha512(path.read_bytes()).hexdigest()
    assert world.ask("remove_file", str(path)) == str(path)
    assert not path.exists()
    with pytest.raises(Refused, match=r"Is a directory|not permitted"):
        world.ask("remove_file", str(world.base))


def test_dns_records_only_grow(world: AgentWorld) -> None:
    def records(version: int) -> tuple[str, str]:
        body = {"version": version, "records": [["10.0.0.9", f"v{version}.router.default.paas.bosh"]], "aliases": {}}
        blob = world.blob(json.dumps(body).encode())
        return blob["blobstore_id"], blob["sha1"]

    hosts = world.layout.etc / "hosts"
    assert hosts.read_text().startswith("127.0.0.1 localhost agent-1\n")
    assert world.ask("sync_dns", *records(2), 2) == "synced"
    assert hosts.read_text().endswith("10.0.0.9 v2.router.default.paas.bosh\n")
    assert stat.S_IMODE(world.layout.dns_records.stat().st_mode) == 0o640
    assert world.ask("sync_dns", *records(1), 1) == "synced"
    assert "v2.router" in hosts.read_text() and "v1.router" not in hosts.read_text()
    with pytest.raises(Refused, match=r"version 4 was announced, the blob is 3"):
        world.ask("sync_dns", *records(3), 4)
    assert json.loads(world.layout.dns_records.read_text())["version"] == 2


def test_ssh_setup_and_cleanup(world: AgentWorld) -> None:
    user = {"user": "bosh_0123456789abcde", "public_key": "ssh-ed25519 AAAA"}
    answer = world.ask("ssh", "setup", user)
    assert answer == {"command": "setup", "status": "success", "ip": "10.0.0.7", "host_public_key": ""}
    keys = world.layout.ssh_homes / user["user"] / ".ssh" / "authorized_keys"
    assert keys.read_text() == "ssh-ed25519 AAAA\n"
    (world.layout.ssh_homes / "someone").mkdir()
    assert world.ask("ssh", "cleanup", {"user_regex": ".*"}) == {"command": "cleanup", "status": "success"}
    assert os.listdir(world.layout.ssh_homes) == ["someone"]
    with pytest.raises(Refused, match="expected setup or cleanup"):
        world.ask("ssh", "open", {})


def test_dynamic_disks_are_links(world: AgentWorld) -> None:
    assert world.do("add_dynamic_disk", "disk-1", {"path": "/dev/sdx"}) == {}
    link = world.layout.data / "dynamic_disks" / "disk-1"
    assert os.readlink(link) == "/dev/sdx"
    assert world.ask("remove_dynamic_disk", "disk-1") == {}
    assert not link.is_symlink()
    with pytest.raises(Refused, match="plain name"):
        world.do("add_dynamic_disk", "../x", {"path": "/dev/sdx"})


def test_persistent_disks_by_their_actions(world: AgentWorld) -> None:
    assert world.do("add_persistent_disk", "old", "/dev/sdb") == {}
    assert world.do("mount_disk", "old") == {}
    assert world.do("list_disk") == ["old"]
    world.begin()
    assert world.do("list_disk") == ["old"]
    world.do("add_persistent_disk", "new", {"path": "/dev/sdc"})
    world.do("mount_disk", "new")
    assert world.do("migrate_disk", "old", "new") == {}
    assert world.do("list_disk") == ["new"]
    assert world.do("unmount_disk", "old") == {"message": "Partition of old is not mounted"}
    assert world.do("remove_persistent_disk", "old") == {}


def test_arp_entries_must_be_addresses(world: AgentWorld) -> None:
    assert world.ask("delete_arp_entries", {"ips": ["10.0.0.9", "fd00::1"]}) == {}
    with pytest.raises(Refused, match="'x; reboot' is not an address"):
        world.ask("delete_arp_entries", {"ips": ["x; reboot"]})


def test_the_strongest_digest_counts(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    sha1, sha256, sha512 = (hashlib.new(name, b"content").hexdigest() for name in ("sha1", "sha256", "sha512"))
    for good in (sha1, f"sha1:{sha1}", f"sha256:{sha256}", f"{'0' * 40};sha512:{sha512};sha256:{'0' * 64}"):
        digest.verify(path, good, "it")
    for bad in ("0" * 40, f"{sha1};sha256:{'0' * 64}"):
        with pytest.raises(DigestMismatch, match=r"^it: expected"):
            digest.verify(path, bad, "it")
    for malformed in ("", "md5:aa", "sha256:abc", "xyz"):
        with pytest.raises(ArgumentError, match="expected hex, sha1:hex"):
            digest.verify(path, malformed, "it")
    assert digest.of_file(path) == f"{sha1};sha512:{sha512}"


@pytest.mark.parametrize(
    ("event", "severity"), [("Does not exist", 1), ("Resource limit matched", 3), ("Something new", 2)]
)
def test_monits_mails_become_alerts(event: str, severity: int) -> None:
    mail = f"From: monit\r\n\r\nService: nginx\r\nEvent: {event}\r\nAction: restart\r\nDate: x\r\nDescription: d d\r\n"
    alert = alert_from(mail, ["10.0.0.8", "10.0.0.7"])
    assert alert is not None
    assert (alert["severity"], alert["summary"]) == (severity, "d d")
    assert alert["title"] == f"nginx (10.0.0.7, 10.0.0.8) - {event} - restart"


def test_good_news_is_no_alert() -> None:
    for event in ("Connection succeeded", "Checksum not changed", "Action done"):
        assert alert_from(f"Service: nginx\nEvent: {event}\nAction: alert\n", []) is None
    assert alert_from("hello", []) is None
