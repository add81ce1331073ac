"""The lines of conmon's file: pure."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from paas.containers.protocol import Line
from paas.warden.output import LINE_BYTES, Parser, nanoseconds

STAMP = "2026-11-30T20:43:16.249083993+00:00"
AT = 1_796_071_396_249_083_993


def test_a_stamp_is_nanoseconds() -> None:
    assert nanoseconds(STAMP) == AT
    assert nanoseconds("2026-11-30T22:43:16.249083993+02:00") == AT
    assert nanoseconds("yesterday") is None


def test_parts_of_a_line_are_put_together_by_stream() -> None:
    text = f"{STAMP} stdout P one \n{STAMP} stderr F other\n{STAMP} stdout F two\n"
    assert Parser().feed(text.encode()) == [Line(at=AT, text="other", stream="ERR"), Line(at=AT, text="one two")]


def test_where_reading_may_go_on_no_part_is_lost() -> None:
    parser = Parser()
    whole = f"{STAMP} stdout F a\n".encode()
    parser.feed(whole + f"{STAMP} stdout P b\n".encode() + b"2026")
    assert parser.taken == len(whole)
    assert parser.end() == [Line(at=AT, text="b")]


def test_what_is_no_line_of_the_file_is_passed_over() -> None:
    assert [one.text for one in Parser().feed(f"tail of one\n{STAMP} stdout F whole\n".encode())] == ["whole"]


def test_a_line_without_end_is_cut() -> None:
    part = f"{STAMP} stdout P {'x' * 8000}\n".encode()
    lines = Parser().feed(part * 9)
    assert [LINE_BYTES <= len(one.text) < LINE_BYTES + 8000 for one in lines] == [True]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n")), max_size=8), st.integers(1, 40))
def test_lines_are_the_same_however_they_are_read(texts: list[str], size: int) -> None:
    data = "".join(f"{STAMP} stdout F {text}\n" for text in texts).encode()
    parser = Parser()
    lines = [line for at in range(0, len(data), size) for line in parser.feed(data[at : at + size])]
    assert [line.text for line in lines] == texts
    assert parser.taken == len(data)
