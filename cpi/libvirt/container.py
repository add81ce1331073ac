"""Containers of libvirt's LXC driver as guests: an overlay over the stemcell's tree, systemd as first service."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import cast

import libvirt
import libvirt_lxc

from cpi.contract import CloudError, Json, StemcellNotFound
from cpi.libvirt import agent_settings, cgroups, container_init, guest_addresses, loops, mounts
from cpi.libvirt.config import Config
from cpi.libvirt.domain import DomainSpec, container_xml, uuid_of
from cpi.libvirt.guest import GuestSpec

SEED = "/var/vcap/seed"
DATA = "/var/vcap/data"
END_OF_STALE = 10.0


class Container:
    """See `guest.Guest`. The VM's folder: root (mount point), upper, work, seed, data."""

    def make(self, config: Config, spec: GuestSpec) -> str:
        """Overlay, first process, seed; the domain's XML."""
        folder = spec.folder
        for name in ("root", "upper", "work", "data"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "lower").unlink(missing_ok=True)
        (folder / "lower").symlink_to(spec.image)
        self.ready(config, spec.cid, folder)
        init = folder / "root" / container_init.PLACE
        init.parent.mkdir(parents=True, exist_ok=True)
        init.write_text(container_init.SCRIPT)
        init.chmod(0o755)
        agent_settings.write(folder / "seed", spec.settings)
        return container_xml(
            DomainSpec(
                name=spec.cid,
                key=spec.key,
                memory=spec.memory,
                cpus=spec.cpus,
                cards=spec.cards,
                init=f"/{container_init.PLACE}",
                environment={
                    "MERISTEM_CGROUPS": cgroups.layout(),
                    "MERISTEM_GROUP": cgroups.own_group(config.prefix, spec.cid),
                },
                # The data directory is no part of the overlay: container runtimes inside need a plain file system.
                mounts={"/": folder / "root", SEED: folder / "seed", DATA: folder / "data"},
            )
        )

    def ready(self, config: Config, cid: str, folder: Path) -> None:
        """A container whose supervisor was killed may live on, unknown to libvirt: a second one must not join it."""
        cgroups.kill(config.prefix, cid, uuid_of(cid), END_OF_STALE)
        lower = folder / "lower"
        if not lower.is_dir():
            raise StemcellNotFound(f"the stemcell tree {os.readlink(lower)} of VM '{cid}' is gone")
        mounts.mount_overlay(lower.resolve(), folder / "upper", folder / "work", folder / "root")

    def settled(self, started: libvirt.virDomain, seconds: float) -> bool:
        """The supervisor tells libvirt the first process's id once, and libvirt may begin to listen too late to hear it.

        Such a container runs, but no disk can be attached to it ("until init PID is known").
        """
        until = time.monotonic() + seconds
        while True:
            try:
                for descriptor in cast("list[int]", libvirt_lxc.lxcOpenNamespace(started, 0)):
                    os.close(descriptor)
                return True
            except libvirt.libvirtError:
                if time.monotonic() >= until:
                    return False
            time.sleep(0.005)

    def cut_power(self, domain_id: int) -> None:
        """With its first process the kernel ends all others; libvirt's own way takes two seconds."""
        with contextlib.suppress(CloudError, ProcessLookupError):
            os.kill(_init_of(domain_id), signal.SIGKILL)

    def release(self, config: Config, cid: str, folder: Path, ended: set[int], active: set[int]) -> None:
        """Nothing of the container stays on the host but its folder."""
        cgroups.kill(config.prefix, cid, uuid_of(cid), END_OF_STALE)
        for loop in _loops_inside(folder):
            loops.free(loop)
        mounts.unmount(folder / "root")
        cgroups.remove(config.prefix, cid, ended, active)

    def disk_source(self, file: Path) -> str:
        """A loop device: the LXC driver attaches block devices only."""
        return loops.attach(file)

    def free_disk(self, file: Path) -> bool:
        """Free the loop device."""
        loop = loops.find(file)
        return loop is None or loops.free(loop)

    def grow_disk(self, file: Path) -> None:
        """Tell the loop device."""
        loop = loops.find(file)
        if loop is not None:
            loops.grow(loop)

    def disk_in_use(self, domain_id: int, target: str, source: str) -> str | None:
        """Where the container has the device mounted, by the device's numbers."""
        try:
            device = os.stat(source).st_rdev
            numbers = f"{os.major(device)}:{os.minor(device)}"
            lines = Path(f"/proc/{_init_of(domain_id)}/mountinfo").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            return None
        fields = [line.split() for line in lines]
        return next((field[4] for field in fields if field[2] == numbers), None)

    @contextlib.contextmanager
    def still(self, domain_id: int, place: str) -> Generator[None]:
        """Frozen through the container's own view of the place; a helper thaws it even if this process is killed."""
        path = f"/proc/{_init_of(domain_id)}/root{place}"
        thaw = 'read -r _; fsfreeze --unfreeze "$0"'
        with subprocess.Popen(["sh", "-c", thaw, path], stdin=subprocess.PIPE, start_new_session=True) as helper:
            try:
                subprocess.run(["fsfreeze", "--freeze", path], check=True, capture_output=True)
                yield
            except subprocess.CalledProcessError as error:
                raise CloudError(f"{place} cannot be frozen: {error.stderr.decode().strip()}") from error
            finally:
                helper.communicate()

    def has_device(self, domain_id: int, target: str) -> bool:
        """Whether /dev/TARGET is a block device there."""
        try:
            return stat.S_ISBLK(os.stat(f"/proc/{_init_of(domain_id)}/root/dev/{target}").st_mode)
        except FileNotFoundError:
            return False

    def addresses(self, domain_id: int) -> tuple[str, ...] | None:
        """As the kernel has them in the container's network namespace."""
        try:
            return guest_addresses.of_process(_init_of(domain_id))
        except (CloudError, OSError):
            return None

    def hint(self, target: str) -> Json:
        """By path, and unpartitioned: the kernel makes no partition nodes inside a container."""
        return {"path": f"/dev/{target}", "partition": False}


def _init_of(domain_id: int) -> int:
    """The container's first process; libvirt's domain id is the process id of its supervisor."""
    try:
        children = Path(f"/proc/{domain_id}/task/{domain_id}/children").read_text().split()
    except FileNotFoundError:
        raise CloudError(f"the container of supervisor process {domain_id} is not running") from None
    if not children:
        raise CloudError(f"the container of supervisor process {domain_id} has no first process")
    return int(children[0])


def _loops_inside(folder: Path) -> Iterator[str]:
    """Loop devices that the guest set up over its own files and left behind."""
    used = loops.all_loops()
    if not used:
        return
    root, data = folder / "root", folder / "data"
    overlay = root.stat().st_dev if os.path.ismount(root) else None
    yield from (loop.path for loop in used if loop.device == overlay)
    device = folder.stat().st_dev
    by_inode = {loop.inode: loop.path for loop in used if loop.device == device}
    for top in (data, folder / "upper"):
        for path, _, names in os.walk(top) if by_inode else []:
            for name in names:
                inode = os.lstat(os.path.join(path, name)).st_ino
                if inode in by_inode:
                    yield by_inode[inode]
