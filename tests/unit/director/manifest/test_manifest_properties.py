"""The properties that a job's templates see."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from director.manifest.properties import visible_properties
from director.model.deployment import JobWanted
from director.model.errors import BadRequest
from director.model.rows import JobRow


def see(declared: dict[str, Any], properties: dict[str, Any] | None) -> dict[str, Any]:
    row = JobRow("web", "f", "v", "d", "b", {"properties": declared})
    return visible_properties(row, JobWanted("web", "r", properties), "front")


def test_declared_ones_with_their_defaults() -> None:
    declared = {"port": {"default": 80}, "tls.cert": {}, "tls.on": {"default": False}, "list": {"default": [1]}}
    assert see(declared, {"port": 8080, "tls": {"cert": "((c))", "other": 1}, "unknown": 1}) == {
        "port": 8080,
        "tls": {"cert": "((c))", "on": False},
        "list": [1],
    }
    assert see(declared, None) == {"port": 80, "tls": {"cert": None, "on": False}, "list": [1]}


def test_null_counts_as_unset_and_false_does_not() -> None:
    declared = {"a": {"default": 1}, "b": {"default": True}}
    assert see(declared, {"a": None, "b": False}) == {"a": 1, "b": False}


def test_a_property_above_another() -> None:
    declared = {"ca": {"default": {"name": "x"}}, "ca.days": {"default": 3}}
    assert see(declared, None) == {"ca": {"name": "x", "days": 3}}
    assert declared["ca"]["default"] == {"name": "x"}


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"tls": "yes"}, ["Property 'tls'", "'yes'", "declares 'tls.cert'", "Write 'tls' as a hash"]),
        ({"tls": ["a"]}, ["an array", "properties/tls"]),
        ({"tls": "((tls))"}, ["placeholder at 'tls.cert'", "((tls.cert))"]),
    ],
)
def test_values_of_the_wrong_shape(properties: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(BadRequest) as caught:
        see({"tls.cert": {}}, properties)
    assert caught.value.code == 80009
    for word in ("instance group 'front'", *words):
        assert word in caught.value.description


names = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(".".join)
values = st.recursive(
    st.none() | st.booleans() | st.integers(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
)


@given(
    st.dictionaries(names, st.fixed_dictionaries({}, optional={"default": values}), max_size=5),
    st.dictionaries(st.sampled_from("abc"), values),
)
def test_nothing_undeclared_is_seen_and_the_same_twice(declared: dict[str, Any], properties: dict[str, Any]) -> None:
    try:
        seen = see(declared, properties)
    except BadRequest as error:
        assert error.code == 80009
        return
    assert seen == see(declared, properties)
    assert set(seen) == {name.split(".")[0] for name in declared}
