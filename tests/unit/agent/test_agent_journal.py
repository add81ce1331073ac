"""The journal of tasks on disk."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from agent import durable
from agent.errors import TaskNotFound
from agent.tasks.journal import DONE, Journal, Task


def task(name: str, **more: object) -> Task:
    return Task(**{"id": name, "method": "apply", "arguments": [], "protocol": 3, **more})  # type: ignore[arg-type]


def test_what_was_accepted_is_found_by_the_next_process_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for name in ("b", "a", "c"):
        journal.accept(task(name))
    done = journal.find("a")
    done.state, done.value = DONE, {"n": [1]}
    journal.save(done)
    later = Journal(tmp_path)
    assert [found.id for found in later.unfinished()] == ["b", "c"]
    assert later.find("a").value == {"n": [1]}
    assert later.accept(task("d")).sequence == 4
    with pytest.raises(TaskNotFound, match=r"^Task with id x could not be found$"):
        later.find("x")


def test_a_key_is_accepted_once(tmp_path: Path) -> None:
    first = Journal(tmp_path).accept(task("a", key="k"))
    assert Journal(tmp_path).accept(task("b", key="k")).id == first.id == "a"
    assert [found.id for found in Journal(tmp_path).unfinished()] == ["a"]


def test_old_results_go_but_never_one_that_was_not_told(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.accept(task("untold", state=DONE, push=True))
    journal.accept(task("open"))
    for number in range(230):
        journal.accept(task(f"t{number}", state=DONE, key=f"k{number}"))
    assert len(os.listdir(tmp_path)) <= 203
    assert [found.id for found in journal.unpushed()] == ["untold"]
    assert [found.id for found in journal.unfinished()] == ["open"]
    assert journal.by_key("k0") is None and journal.by_key("k229") is not None
    with pytest.raises(TaskNotFound):
        journal.find("t0")


def test_a_damaged_entry_is_left_out_and_the_rest_serves(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.accept(task("good"))
    journal.accept(task("bad"))
    (tmp_path / "bad" / "task.json").write_text('{"id": "bad"')
    assert [found.id for found in Journal(tmp_path).unfinished()] == ["good"]


def test_entries_are_secret_and_whole(tmp_path: Path) -> None:
    Journal(tmp_path).accept(task("a", arguments=[{"private_key": "x"}]))
    assert stat.S_IMODE((tmp_path / "a" / "task.json").stat().st_mode) == 0o600
    assert os.listdir(tmp_path / "a") == ["task.json"]


def test_a_failed_write_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    durable.write_json(path, {"n": 1})
    with pytest.raises(TypeError):
        durable.write_json(path, {"n": object()})
    with pytest.raises(FileExistsError):
        durable.write_json(path / "below", {})
    assert durable.read_json(path) == {"n": 1}
    assert os.listdir(tmp_path) == ["file"]
    path.write_text("{")
    with pytest.raises(ValueError, match=rf"^{path}: not valid JSON"):
        durable.read_json(path)
