"""libvirt on another host, as far as the CPI can tell: by SSH and by TLS, over the lab's network."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from cpi.contract import CloudError
from tests.clouds.libvirt.authority import HOST, Authority
from tests.programs import need


def wait_for(world, port: int) -> None:
    script = f"import socket; socket.create_connection(({HOST!r}, {port}), 2)"
    for _ in range(100):
        if world.lab.exec(["python3", "-c", script], check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise AssertionError(f"nothing listens on port {port} in the lab")


async def goes_its_way(call, world, blank, uri: str) -> None:
    """A machine with a disk, made and removed through the URI."""
    stemcell = await call("create_stemcell", str(blank), {}, key="stemcell-far", uri=uri)
    arguments = ["agent-far", stemcell, {"memory": 64}, world.networks(40), [], {}]
    lines: list[str] = []
    cid, _ = await call("create_vm", *arguments, key="vm-far", uri=uri, log=lines.append)
    assert world.domain(cid).isActive(), "the machine is seen on the host itself"
    disk = await call("create_disk", 16, {}, cid, key="disk-far", uri=uri)
    await call("attach_disk", cid, disk, uri=uri)
    snapshot = await call("snapshot_disk", disk, {}, key="snapshot-far", uri=uri)
    assert (await call("vm_status", [cid], 1000, uri=uri))[cid]["power"] == "on"
    await call("detach_disk", cid, disk, uri=uri)
    await call("delete_vm", cid, uri=uri)
    for method, one in (("delete_snapshot", snapshot), ("delete_disk", disk), ("delete_stemcell", stemcell)):
        await call(method, one, uri=uri)
    assert world.leftovers() == []


@pytest.fixture
def sshd(world, tmp_path):
    """A server in the lab that lets root in by one key."""
    if not Path("/usr/sbin/sshd").exists():
        pytest.skip("sshd is not installed (bin/setup --clouds)")
    for name in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    (tmp_path / "authorized").write_text((tmp_path / "key.pub").read_text())
    config = tmp_path / "sshd_config"
    config.write_text(
        f"Port 2222\nListenAddress {HOST}\nHostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/authorized\nStrictModes no\n"
        "PasswordAuthentication no\nPermitRootLogin prohibit-password\nUsePAM no\nPidFile none\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    command = world.lab.command(["/usr/sbin/sshd", "-D", "-e", "-f", str(config)])
    with (tmp_path / "sshd.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for(world, 2222)
        client = tmp_path / "ssh"  # libvirt would have the machine's own list of known hosts learn the lab's
        client.write_text(f'#!/bin/sh\nexec ssh -F none -o UserKnownHostsFile={tmp_path}/known "$@"\n')
        client.chmod(0o755)
        yield f"keyfile={tmp_path}/key&command={client}&no_verify=1&no_tty=1"
    finally:
        server.terminate()
        server.wait()


async def test_a_host_is_reached_by_ssh(sshd, call, world, blank):
    uri = f"qemu+ssh://root@{HOST}:2222/system?{sshd}"
    await goes_its_way(call, world, blank, uri)
    with pytest.raises(CloudError, match=r"connect: libvirt at .* says: ") as error:
        await call("has_vm", "x", uri=uri.replace(":2222", ":2223"))
    assert "2223" in error.value.facts.endpoint


@pytest.fixture
def tls(world, tmp_path):
    """The lab's libvirtd, started anew with a TLS listener beside its socket; its machines go on meanwhile."""
    need("libvirtd")
    authority = Authority(tmp_path)
    authority.issue("server", "server")
    authority.issue("client", "client")
    top = Path(world.lab.record.directory)
    config = tmp_path / "libvirtd.conf"
    config.write_text(
        (top / "etc/libvirtd.conf").read_text().replace("listen_tls = 0", "listen_tls = 1")
        + f'listen_addr = "{HOST}"\ntls_port = "16514"\nauth_tls = "none"\n'
        + f'key_file = "{tmp_path}/serverkey.pem"\ncert_file = "{tmp_path}/servercert.pem"\nca_file = "{tmp_path}/cacert.pem"\n'
    )
    _restart(world, top, ["--listen", "--config", str(config)])
    wait_for(world, 16514)
    yield tmp_path
    _restart(world, top, [])


def _restart(world, top: Path, more: list[str]) -> None:
    daemon = int((top / "run/libvirtd.pid").read_text())
    os.kill(daemon, signal.SIGTERM)
    until = time.monotonic() + 20
    while _state(daemon) not in ("Z", ""):
        assert time.monotonic() < until, "libvirtd does not end"
        time.sleep(0.05)
    (top / "run/libvirtd.pid").unlink(missing_ok=True)
    world.lab.exec(["libvirtd", "--daemon", "--pid-file", "/run/libvirt/libvirtd.pid", *more])
    for _ in range(100):
        try:
            world.connection().listAllStoragePools(0)
            break
        except Exception:
            time.sleep(0.1)
    pool = world.connection().storagePoolLookupByName("default")
    if not pool.isActive():
        pool.create(0)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""


async def test_a_host_is_reached_by_tls(tls, call, world, blank):
    uri = f"qemu+tls://{HOST}/system?pkipath={tls}"
    await goes_its_way(call, world, blank, uri)
    stranger = tls / "stranger"
    stranger.mkdir()
    Authority(stranger).issue("client", "client")
    with pytest.raises(CloudError, match=r"connect: libvirt at qemu.tls"):
        await call("has_vm", "x", uri=f"qemu+tls://{HOST}/system?pkipath={stranger}")


async def test_containers_stay_on_their_host(call):
    for uri in (f"lxc+ssh://root@{HOST}/system", f"lxc+tls://{HOST}/system"):
        with pytest.raises(
            CloudError, match="is of another host: a container's root and disks are mounts and loop devices"
        ):
            await call("has_vm", "x", virt_type="lxc", uri=uri)
    with pytest.raises(CloudError, match="would carry the agents' secrets unencrypted"):
        await call("has_vm", "x", uri=f"qemu+tcp://{HOST}/system")
