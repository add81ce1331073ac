"""The demo's parts that need no lab."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lab.demo.__main__ import alone, parser
from lab.demo.command import Indented
from lab.demo.parts import is_free
from lab.demo.platform import farewell
from lab.demo.record import TREE, USUAL, Process, Record, default_directory
from lab.errors import LabError
from lab.proof import scenes, told
from lab.record import start_time


def test_pieces_are_indented_however_they_are_cut(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Indented()
    for piece in ("Plan:\n  a", "b\n\n", "\nc", " (1 s)"):
        shown.write(piece)
    shown.end()
    shown.end()
    assert capsys.readouterr().out == "      Plan:\n        ab\n\n\n      c (1 s)\n"


def test_a_record_reads_back(tmp_path: Path) -> None:
    record = Record(tmp_path, ports={"api 10.77.0.1:25555": 25555}, stemcell_number=2, lost=True)
    record.processes["director"] = Process(os.getpid(), start_time(os.getpid()) or 0)
    record.save()
    again = Record.read(tmp_path)
    assert again == record
    assert again.alive("director")
    assert not again.alive("forward-web")


def test_each_directory_has_a_lab_of_its_own() -> None:
    names = {Record(Path(path)).lab_name for path in (str(USUAL), "/a/demo", "/b/demo")}
    assert len(names) == 3
    assert Record(USUAL).lab_name == "demo"


def test_a_process_is_ended_and_forgotten(tmp_path: Path) -> None:
    record = Record(tmp_path)
    with subprocess.Popen(["sleep", "1000"]) as sleeper:
        record.keep("director", sleeper)
        record.end("director")
    assert sleeper.returncode == -15
    assert Record.read(tmp_path).processes == {}


def test_two_runs_do_not_meet(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from lab.demo.__main__ import alone\nwith alone(Path(sys.argv[1])): pass"
    )
    with alone(tmp_path):
        with pytest.raises(LabError, match="another bin/demo is at work"), alone(tmp_path):
            pass
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False
        )
        assert "another bin/demo is at work" in done.stderr
    with alone(tmp_path):
        pass


def test_a_taken_port_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert not is_free(taken.getsockname()[1])


def test_the_help_names_each_option() -> None:
    told_of = subprocess.run([TREE / "bin/demo", "--help"], capture_output=True, text=True, check=True).stdout
    options = {one for action in parser()._actions for one in action.option_strings if one.startswith("--")}
    assert [one for one in options - {"--help", "--dir"} if one not in told_of] == []


def test_what_is_proven_on_a_bare_machine_is_the_two_small_vms() -> None:
    program, *words = scenes.FIRST.split()
    assert (TREE / program).is_file()
    assert parser().parse_args(words).first
    assert not parser().parse_args([]).first
    (start,) = [
        line for line in told.in_page(TREE / scenes.PAGES[1]) if line.startswith("bin/demo") and "--down" not in line
    ][:1]
    assert start == scenes.FIRST


def test_what_the_demo_of_the_paas_tells_to_try_is_found() -> None:
    for directory, more in ((default_directory(), ""), (Path("/elsewhere"), " --dir /elsewhere")):
        words = farewell("http://hello.apps.localhost:8080", Record(directory), "Running.")
        tried = told.to_try(f"before\n{words}\n")
        assert tried[0] == f"source {directory}/env"
        assert "paas apps" in tried
        assert f"bin/demo{more} --down" in words
