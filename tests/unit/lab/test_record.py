"""What a lab writes down about itself."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.record import FILE, load, new_record, start_time


def test_a_record_reads_back_as_it_was_saved(tmp_path: Path) -> None:
    place = Path("/run")  # short enough for a socket, and never written to
    record = replace(new_record(place, "one"), directory=str(tmp_path), holder_pid=12, holder_started=34)
    record.save()
    assert load(tmp_path) == record
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_no_record_is_none(tmp_path: Path) -> None:
    assert load(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{}", '{"nonsense": 1}', "[]"])
def test_a_broken_record_names_its_file(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(LabError, match=f"{tmp_path}/{FILE}: not a lab record"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["", "Big", "a b", "-a", "a/b", "x" * 32])
def test_a_name_that_cannot_name_a_namespace_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="lab name"):
        new_record(Path("/run"), name)


def test_a_directory_too_long_for_a_socket_is_refused() -> None:
    with pytest.raises(LabError, match="too long for a Unix socket"):
        new_record(Path("/run") / ("x" * 90), "one")


def test_a_process_is_told_from_a_later_one_of_its_pid() -> None:
    begun = start_time(os.getpid())
    assert begun is not None
    record = replace(new_record(Path("/run"), "one"), holder_pid=os.getpid(), holder_started=begun)
    assert record.holder_lives()
    assert not replace(record, holder_started=begun + 1).holder_lives()


def test_a_dead_process_has_no_start_time() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert start_time(pid) is None  # a corpse that nobody has collected yet
    os.waitpid(pid, 0)
    assert start_time(pid) is None
