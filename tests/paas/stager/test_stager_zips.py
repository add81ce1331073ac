"""Zips from anybody: what is good comes out as it was, what leads out or is too much is refused by name."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paas.stager.driver import zips
from paas.stager.driver.zips import ZipRefusedError, unpack

MB = 1 << 20


def zipped(path: Path, entries: list[tuple[str, bytes, int]]) -> Path:
    """`entries`: name, content, mode with its kind."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data, mode in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = mode << 16
            archive.writestr(info, data)
    return path


def file(name: str, data: bytes = b"x", mode: int = 0o644) -> tuple[str, bytes, int]:
    return (name, data, stat.S_IFREG | mode)


def link(name: str, to: str) -> tuple[str, bytes, int]:
    return (name, to.encode(), stat.S_IFLNK | 0o777)


def test_files_modes_directories_and_links_inside_come_out_as_they_were(tmp_path: Path) -> None:
    entries = [
        ("empty/", b"", stat.S_IFDIR | 0o755),
        file("bin/run", b"#!/bin/sh\n", 0o755),
        file("bin/locked", b"s", 0o000),
        ("plain.txt", b"from a system without modes", 0),
        link("current", "bin"),
        link("bin/up", "../plain.txt"),
        link("dangling", "nothing/there"),
    ]
    target = tmp_path / "out"
    assert unpack(zipped(tmp_path / "a.zip", entries), target, MB) == 38
    assert (target / "empty").is_dir() and (target / "current/run").read_bytes() == b"#!/bin/sh\n"
    assert stat.S_IMODE((target / "bin/run").stat().st_mode) == 0o755
    assert stat.S_IMODE((target / "bin/locked").stat().st_mode) == 0o600
    assert (target / "bin/up").read_bytes().startswith(b"from a system")
    assert os.readlink(target / "dangling") == "nothing/there"


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([file("../evil")], "leads out"),
        ([file("a/../../evil")], "leads out"),
        ([file("/evil")], "leads out"),
        ([file("a\\..\\..\\evil")], "leads out"),
        ([link("l", "/etc/passwd")], "symbolic link that leads out"),
        ([link("l", "../evil")], "symbolic link that leads out"),
        ([link("a/l", "../../evil")], "symbolic link that leads out"),
        # one that is the root itself makes a harmless looking second one lead out
        ([link("p/q/x", "../.."), link("y", "p/q/x/../evil")], "symbolic link that leads out"),
        ([link("d", "sub"), file("d/evil")], "both as a file and as a directory"),
        ([file("d"), file("d/evil")], "both as a file and as a directory"),
        ([("fifo", b"", stat.S_IFIFO | 0o644)], "neither a file"),
        ([("device", b"", stat.S_IFBLK | 0o644)], "neither a file"),
        ([link("l", "a" * 5000)], "no symbolic link"),
        ([file("big", b"\0" * (2 * MB))], "at most 1 MB"),
    ],
)
def test_what_leads_out_or_is_too_much_is_refused(
    tmp_path: Path, entries: list[tuple[str, bytes, int]], words: str
) -> None:
    archive = zipped(tmp_path / "a.zip", entries)
    with pytest.raises(ZipRefusedError, match=words):
        unpack(archive, tmp_path / "room" / "out", MB)
    assert not (tmp_path / "evil").exists() and not (tmp_path / "room/evil").exists()


def test_damaged_archives_are_refused_in_one_sentence(tmp_path: Path) -> None:
    good = zipped(tmp_path / "a.zip", [file("f", os.urandom(10_000))]).read_bytes()
    for number, data in enumerate(
        (b"", b"PK", b"no zip at all" * 100, good[: len(good) // 2], good[:200] + bytes(200) + good[400:])
    ):
        (tmp_path / "bad.zip").write_bytes(data)
        with pytest.raises(ZipRefusedError, match="no zip that can be read"):
            unpack(tmp_path / "bad.zip", tmp_path / f"out{number}", MB)


def test_too_many_entries_are_refused_before_any_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zips, "MOST_ENTRIES", 3)
    with pytest.raises(ZipRefusedError, match="4 entries"):
        unpack(zipped(tmp_path / "a.zip", [file(str(n)) for n in range(4)]), tmp_path / "out", MB)
    assert not (tmp_path / "out").exists()


NAMES = st.text("ab./\\~", min_size=1, max_size=8)


@given(st.lists(st.tuples(NAMES, NAMES, st.booleans()), max_size=6, unique_by=lambda entry: entry[0]))
def test_nothing_is_ever_written_outside(
    tmp_path_factory: pytest.TempPathFactory, entries: list[tuple[str, str, bool]]
) -> None:
    room = tmp_path_factory.mktemp("room")
    made = [link(name, to) if is_link else file(name) for name, to, is_link in entries]
    try:
        unpack(zipped(room / "a.zip", made), room / "in" / "out", MB)
    except ZipRefusedError:
        pass
    else:
        for path in (room / "in/out").rglob("*"):
            assert Path(os.path.realpath(path)).is_relative_to(room / "in/out")
    assert {path.name for path in room.iterdir()} <= {"a.zip", "in"}
    assert not (room / "in").exists() or {path.name for path in (room / "in").iterdir()} <= {"out"}
