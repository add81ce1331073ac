"""A lab that is taken down leaves nothing, also of disks that lie outside its directory; others' disks stay."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import lab
from lab import loops, traces
from lab.sweep import sweep

pytestmark = pytest.mark.lab


@pytest.fixture
def top() -> Iterator[Path]:
    made = Path(os.environ.get("MERISTEM_RUN", "/var/lib/meristem")) / f"left-{secrets.token_hex(4)}"
    made.mkdir(parents=True)
    try:
        yield made
    finally:
        sweep(made)
        loops.free(made)
        shutil.rmtree(made)


def attached(file: Path) -> str:
    """A new file of one MiB on a loop device."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"\0" * (1 << 20))
    return subprocess.run(["losetup", "-f", "--show", file], capture_output=True, text=True, check=True).stdout.strip()


def test_nothing_is_left(top: Path) -> None:
    before = traces.look()
    house = lab.up(top / "lab")
    house.keep_disks(top / "vms")
    about = (str(top), house.record.netns)
    mine = attached(top / "vms" / "disk.raw")
    of_another = attached(top / "others" / "disk.raw")
    found = traces.left(before, traces.look(), about)
    assert {"processes", "namespaces", "loops", "cgroups"} <= set(found)
    assert len(found["loops"]) == 2
    house.down()
    left = traces.left(before, traces.look(), about)
    assert list(left) == ["loops"]
    assert [line.split()[0] for line in left["loops"]] == [of_another]
    assert mine != of_another
    assert loops.free(top) == [of_another]
    assert traces.left(before, traces.look(), about) == {}


def test_a_disk_of_the_same_path_in_another_root_is_not_ours(top: Path) -> None:
    """A disposable machine has its own /var/lib/meristem; its loop devices are seen here under that path."""
    loop = attached(top / "root" / "vms" / "disk.raw")
    (top / "vms").mkdir()
    found = [one for one in loops.attached() if one.name == loop]
    assert loops.below(top / "root") == found
    assert loops.below(Path("/vms"), top / "root") == []
    os.replace(top / "root" / "vms" / "disk.raw", top / "root" / "vms" / "moved.raw")
    (top / "root" / "vms" / "moved.raw").unlink()
    gone = loops.below(top / "root")
    assert [one.name for one in gone] == [loop]
    assert gone[0].file.endswith(loops.DELETED)
