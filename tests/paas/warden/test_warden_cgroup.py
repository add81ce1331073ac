"""What control groups say, read from trees as version 1 and version 2 of the kernel lay them out."""

from __future__ import annotations

from pathlib import Path

import pytest
from paas.warden import cgroup
from paas.warden.cgroup import Cgroup

V1 = {
    "memory/memory.memsw.limit_in_bytes": "",
    "memory/warden/a/memory.usage_in_bytes": "5000000\n",
    "memory/warden/a/memory.stat": "cache 9\ninactive_file 1\ntotal_inactive_file 2000000\n",
    "memory/warden/a/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    "cpuacct/warden/a/cpuacct.usage": "7000000\n",
    "pids/warden/a/pids.current": "4\n",
    "pids/warden/a/cgroup.procs": "12\n0\n34\n",
}
V2 = {
    "cgroup.controllers": "cpu memory pids\n",
    "warden/a/memory.current": "5000000\n",
    "warden/a/memory.stat": "anon 9\ninactive_file 2000000\n",
    "warden/a/memory.events": "low 0\noom 3\noom_kill 2\noom_group_kill 0\n",
    "warden/a/cpu.stat": "usage_usec 7000\nuser_usec 6000\n",
    "warden/a/pids.current": "4\n",
    "warden/a/cgroup.procs": "12\n0\n34\n",
}


@pytest.mark.parametrize("files", [V1, V2], ids=["version 1", "version 2"])
def test_both_versions_say_the_same(files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(cgroup, "TREES", tmp_path)
    group = Cgroup("warden/a")
    assert (group.memory(), group.cpu_ns(), group.pids(), group.oom_kills()) == (3000000, 7000000, 4, 2)
    assert group.processes() == [12, 34]
    assert cgroup.swap_accounted()
    assert cgroup.unified() == (files is V2)


def test_a_group_that_has_gone_uses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroup, "TREES", tmp_path)
    group = Cgroup("warden/a")
    assert (group.memory(), group.cpu_ns(), group.pids(), group.oom_kills(), group.processes()) == (0, 0, 0, 0, [])
    group.remove()
