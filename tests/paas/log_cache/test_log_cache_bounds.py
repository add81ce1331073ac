"""What is kept, and in which order: one app's lines, and those of all apps within their bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from paas.log_cache.config import Bounds
from paas.log_cache.ring import Entry, Ring
from paas.log_cache.store import Store
from paas.messages.log import LogLine, LogLines


def _entry(text: str) -> Entry:
    return Entry(text.encode(), "APP/PROC/WEB", "0", "OUT")


def _lines(app: str, count: int, size: int = 10, first: int = 0) -> LogLines:
    return LogLines(app=app, source="STG", lines=[LogLine(at=first + n, text="x" * size) for n in range(count)])


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 20))
def test_a_reader_that_goes_on_from_the_last_time_misses_nothing(times: list[int], limit: int) -> None:
    ring = Ring(100)
    for number, at in enumerate(times):
        ring.add(at, _entry(str(number)))
    seen: list[str] = []
    start = 0
    while batch := list(ring.read(start, None, limit, descending=False)):
        assert [at for at, _ in batch] == sorted({at for at, _ in batch})
        seen += [entry.text.decode() for _, entry in batch]
        start = batch[-1][0] + 1
    assert sorted(map(int, seen)) == list(range(len(times)))
    backwards = [entry.text.decode() for _, entry in ring.read(0, None, 100, descending=True)]
    assert backwards == seen[::-1]


@given(st.lists(st.integers(0, 10_000), max_size=300), st.integers(1, 40))
def test_the_last_lines_stay(times: list[int], limit: int) -> None:
    ring = Ring(limit)
    for at in times:
        ring.add(at, _entry("x"))
    kept = list(ring.read(0, None, 10_000, descending=False))
    assert len(kept) == len(ring) == min(len(times), limit)
    assert ring.size <= (limit + limit // 8 + 1) * 201
    if kept:
        assert (ring.oldest, ring.newest) == (kept[0][0], kept[-1][0])


def test_a_range_is_from_its_start_and_before_its_end() -> None:
    ring = Ring(10)
    for at in (10, 20, 30):
        ring.add(at, _entry(str(at)))
    assert [at for at, _ in ring.read(10, 30, 10, descending=False)] == [10, 20]
    assert [at for at, _ in ring.read(11, 31, 1, descending=False)] == [20]
    assert [at for at, _ in ring.read(-(2**62), None, 2, descending=True)] == [30, 20]
    assert list(ring.read(31, None, 10, descending=True)) == []


def test_of_too_many_apps_the_longest_silent_goes() -> None:
    store = Store(Bounds(apps=3))
    for app in ("a", "b", "c", "a", "d"):
        store.add(_lines(app, 1))
    assert sorted(store.apps()) == ["a", "c", "d"]


def test_memory_is_bounded_and_who_writes_little_keeps_it() -> None:
    store = Store(Bounds(lines=100_000, megabytes=1))
    store.add(_lines("quiet", 5))
    for turn in range(20):
        store.add(_lines("loud", 100, size=1000, first=turn * 100))
    assert store.size <= 1024 * 1024
    quiet, loud = store.get("quiet"), store.get("loud")
    assert quiet is not None and len(quiet) == 5
    assert loud is not None and loud.newest == 1999 and loud.expired > 0
    assert store.size == quiet.size + loud.size


def test_one_message_larger_than_all_memory_is_borne() -> None:
    store = Store(Bounds(lines=100_000, megabytes=1, line_bytes=2**22))
    store.add(_lines("huge", 1, size=2**21))
    assert len(store) == 0 and store.size == 0
    store.add(_lines("small", 1))
    assert store.apps() == ["small"]


def test_a_long_line_is_cut_and_silent_apps_are_forgotten() -> None:
    store = Store(Bounds(line_bytes=100, hours=1e-9))
    store.add(_lines("a", 1, size=1000))
    ring = store.get("a")
    assert ring is not None
    assert [len(entry.text) for _, entry in ring.read(0, None, 1, descending=False)] == [100]
    store.add(LogLines(app="empty", source="STG", lines=[]))
    assert store.apps() == ["a"]
    store.forget_silent()
    assert store.apps() == [] and store.size == 0
