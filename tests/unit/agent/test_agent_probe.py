"""What a device holds, as blkid tells it: blkid is a script here, which says what the real one says of such devices."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.disks import filesystem
from agent.process import command

PLACE = "DEVNAME=/dev/sda1\nPART_ENTRY_SCHEME=gpt\nPART_ENTRY_UUID=0d9a\nPART_ENTRY_NUMBER=1\n"


@pytest.mark.parametrize(
    ("said", "status", "held"),
    [
        ("", 2, {}),
        (PLACE, 0, {}),
        (f"{PLACE}UUID=77\nTYPE=ext4\n", 0, {"UUID": "77", "TYPE": "ext4"}),
        ("DEVNAME=/dev/sda\nPTTYPE=gpt\n", 0, {"PTTYPE": "gpt"}),
    ],
)
def test_an_empty_partition_holds_nothing(
    said: str, status: int, held: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "blkid"
    program.write_text(f"#!/bin/sh\nprintf '%s' '{said}'\nexit {status}\n")
    program.chmod(0o755)
    monkeypatch.setattr(command, "SEARCH_PATH", f"{tmp_path}:{command.SEARCH_PATH}")
    assert filesystem.probe(Path("/dev/sda1")) == held
