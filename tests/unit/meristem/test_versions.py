from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meristem.formats import versions
from meristem.formats.errors import FormatError

IN_ORDER = [
    "0+dev.1",
    "0+dev.10",
    "0.9",
    "1-alpha",
    "1-rc.2",
    "1-rc.10",
    "1",
    "1+dev.2",
    "1.0.1",
    "1.2",
    "1.10",
    "1.a",
    "2",
]


def test_order() -> None:
    assert [str(version) for version in sorted(versions.parse(text) for text in reversed(IN_ORDER))] == IN_ORDER


def test_trailing_zeros_are_equal() -> None:
    assert versions.parse("1.0") == versions.parse("1") == versions.parse("1.0.0")
    assert hash(versions.parse("1.0")) == hash(versions.parse("1"))


@pytest.mark.parametrize("text", ["", "1 2", "1..2", "1-", "1+", "-1", "+1", "a/b", "1.ü"])
def test_refused(text: str) -> None:
    with pytest.raises(FormatError) as caught:
        versions.parse(text, place="release.MF:2")
    assert caught.value.code == 30010
    assert caught.value.message == f"Release version invalid: {text}"
    assert caught.value.place == "release.MF:2"
    assert not versions.is_valid(text)


def test_old_dev_form() -> None:
    assert str(versions.parse("12.3-dev")) == "12+dev.3"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("latest", "11.5"),
        ("1.latest", "1.10"),
        ("1.1.latest", "1.1.7"),
        ("3.latest", None),
        ("1.9", "1.9"),
        ("2.1.0", "2.1"),
    ],
)
def test_resolve(wanted: str, expected: str | None) -> None:
    assert versions.resolve(wanted, ["1.9", "1.10", "1.1.7", "2.1", "11.5", "0+dev.3"]) == expected


def test_next_versions() -> None:
    assert versions.next_dev([]) == "0+dev.1"
    assert versions.next_dev(["0+dev.1", "0+dev.9", "0+dev.10"]) == "0+dev.11"
    assert versions.next_dev(["0+dev.4", "1", "2", "1+dev.7"]) == "2+dev.1"
    assert versions.next_dev(["3", "3+dev.1"], base="3") == "3+dev.2"
    assert versions.next_final([]) == "1"
    assert versions.next_final(["1", "10", "9", "11+dev.1"]) == "11"


PARTS = st.lists(st.integers(0, 30).map(str) | st.sampled_from(["a", "rc", "beta"]), min_size=1, max_size=3)
TEXTS = st.builds(
    lambda release, pre, post: (
        ".".join(release) + (f"-{'.'.join(pre)}" if pre else "") + (f"+{'.'.join(post)}" if post else "")
    ),
    PARTS,
    st.none() | PARTS,
    st.none() | PARTS,
)


@given(TEXTS, TEXTS, TEXTS)
def test_total_order(a: str, b: str, c: str) -> None:
    x, y, z = versions.parse(a), versions.parse(b), versions.parse(c)
    assert (x < y) + (x == y) + (y < x) == 1
    if x < y and y < z:
        assert x < z
