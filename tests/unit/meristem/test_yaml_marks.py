from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from meristem.formats import yaml_dump
from meristem.formats.errors import YamlError
from meristem.formats.yaml_marks import load, load_with_marks

TEXT = """\
name: demo
groups:
- name: web
  jobs:
  - {name: a, port: 8080}
- name: store
base: &base
  size: 1
big:
  <<: *base
  size: 2
  more: yes
copy: *base
"""


def test_lines_by_path() -> None:
    data, marks = load_with_marks(TEXT, "demo.yml")
    assert isinstance(data, dict)
    assert marks.at(("name",)) == 1
    assert marks.at(("groups", 1)) == 6
    assert marks.at(("groups", 0, "jobs", 0, "port")) == 5
    assert marks.at(("big", "size")) == 11
    assert marks.at(("groups", 1, "nothing", "here")) == 6
    assert marks.place(("groups", 0, "name")) == "demo.yml:3 (groups[0].name)"


def test_aliases_and_merges_share_nothing() -> None:
    data, _ = load_with_marks(TEXT, "demo.yml")
    assert isinstance(data, dict)
    assert data["big"] == {"size": 2, "more": True}
    copied, base = data["copy"], data["base"]
    assert copied == base
    assert copied is not base


def test_scalars_as_the_stock_tools_read_them() -> None:
    data = load("a: 2024-01-02\nb: 2024-01-02T03:04:05Z\nc: !binary aGk=\nd: =\n1: x\non: y\ne: 010\n", "x")
    expected = {"a": "2024-01-02", "b": "2024-01-02T03:04:05Z", "c": "hi", "d": "=", "1": "x", "on": "y", "e": 8}
    assert data == expected
    numbers = load("[1:30, 1e3, 0o17, 1_000, .5, 1.10, -0x1f, 0b11, 12e, yes, 'no', off, y]", "x")
    assert numbers == ["1:30", 1000.0, 15, 1000, 0.5, 1.1, -31, 3, "12e", True, "no", False, "y"]


def test_a_token_that_no_float_can_hold_is_text() -> None:
    assert load("[7145946e29641183, 1e400, -1e400, 1e308, .inf]", "x") == [
        "7145946e29641183", "1e400", "-1e400", 1e308, float("inf"),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
def test_empty(text: str) -> None:
    data, marks = load_with_marks(text, "x")
    assert data is None
    assert marks.at(("a",)) == marks.at(())


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", 4, "'c' appears twice, first on line 3"),
        ("a: [1, 2\nb: 3\n", 2, "invalid YAML"),
        ("a: 'x\n", 2, "invalid YAML"),
        ("\ta: 1\n", 1, "invalid YAML"),
        ("a: *nope\n", 1, "undefined alias"),
        ("a: &x [*x]\n", 1, "refers to itself"),
        ("a: 1\n---\nb: 2\n", 2, "invalid YAML"),
        ("a: !!python/object:os.system x\n", 1, "invalid YAML"),
        ("? [a, b]\n: 1\n", 1, "key must be a scalar"),
        ("a: !binary '***'\n", 1, "bad !binary"),
        ("a: \x00\n", 0, "invalid YAML"),
        ("<<: 3\n", 1, "'<<' expects"),
    ],
)
def test_refused_with_file_and_line(text: str, line: int, words: str) -> None:
    with pytest.raises(YamlError) as caught:
        load(text, "m.yml")
    assert words in caught.value.message
    assert caught.value.line == line
    assert caught.value.place.startswith("m.yml")
    assert caught.value.remedy


def test_not_utf8() -> None:
    with pytest.raises(YamlError, match="not UTF-8") as caught:
        load(b"a: 1\nb: \xff\xfe\n", "m.yml")
    assert caught.value.line == 2


def test_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    with pytest.raises(YamlError, match="too large"):
        load("\n".join(lines), "bomb.yml")


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(YamlError):
        load("[" * 5000 + "]" * 5000, "deep.yml")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"))),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc/.-=~", min_size=1), inner, max_size=4),
    max_leaves=12,
)


NUMBERS = st.from_regex(r"[-+]?[0-9.:_oxeEb]{1,6}", fullmatch=True)


@given(VALUES | st.lists(NUMBERS))
def test_what_is_dumped_is_loaded_again(value: object) -> None:
    text = yaml_dump.dump({"top": value})
    assert load(text, "x") == {"top": value}
    assert yaml.safe_load(text) == {"top": value}


def test_dump_keeps_digests_and_blocks() -> None:
    text = yaml_dump.dump({"b": "12e345", "a": "x\ny\n", "c": "0123"})
    assert text == "b: '12e345'\na: |\n  x\n  y\nc: '0123'\n"
