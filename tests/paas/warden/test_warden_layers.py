"""Containers' files on the machine."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from paas.warden.layers import give_a_node

pytestmark = pytest.mark.lab


def test_the_next_loop_device_has_a_node(tmp_path: Path) -> None:
    give_a_node(tmp_path)
    [node] = tmp_path.iterdir()
    state = node.stat()
    assert stat.S_ISBLK(state.st_mode)
    assert (os.major(state.st_rdev), node.name) == (7, f"loop{os.minor(state.st_rdev)}")
    give_a_node(tmp_path)
    assert list(tmp_path.iterdir()) == [node]
