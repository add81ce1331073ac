"""Runtime and CPI configs, YAML marks and placeholders."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from director.manifest.cpi_config import load_cpi_configs
from director.manifest.marks import read_yaml
from director.manifest.runtime_config import load_runtime_configs
from director.manifest.variables import absolute_name, used_variables
from director.model.errors import BadRequest
from director.model.placeholders import Placeholder, parse_placeholder

RUNTIME = """releases:
- {name: dns, version: 1.0.0}
addons:
- name: dns
  jobs:
  - {name: resolver, release: dns}
  include:
    jobs: [{name: web, release: r}]
tags: {a: b}
variables:
- {name: /ca, type: certificate}
"""


def runtime_fault(*texts: str) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        load_runtime_configs([(f"rt{index}", text) for index, text in enumerate(texts)])
    return caught.value


@pytest.mark.parametrize(
    ("written", "instead", "code", "words"),
    [
        ("version: 1.0.0", "version: latest", 530001, ["rt0:2 /releases/0/version", "specify the actual version"]),
        ("version: 1.0.0", "version: 1.latest", 530001, ["'1.latest'", "Write the exact version"]),
        ("version: 1.0.0", "verison: 1", 40001, ["rt0:2 /releases/0", "'version'", "Add 'version'"]),
        ("release: dns", "release: dsn", 530002, ["rt0:6", "'dsn'", "runtime releases section", "Did you mean 'dns'?"]),
        ("{name: web, release: r}", "{name: web}", 530004, ["rt0:8 /addons/0/include/jobs/0", "Add 'release'"]),
        (
            "jobs: [{name: web, release: r}]",
            "stemcell: [{name: x}]",
            530005,
            ["rt0:8", "must have an os name", "Add 'os'"],
        ),
        ("jobs: [{name: web, release: r}]", "lifecycle: job", 40005, ["rt0:8", "'job'", "service or errand"]),
        ("jobs: [{name: web, release: r}]", "azs: z1", 40000, ["rt0:8 /addons/0/include/azs", "type 'Array'"]),
        ("tags: {a: b}", "tags: [a]", 40000, ["rt0:9 /tags", "type 'Hash'"]),
        ("- {name: /ca, type: certificate}", "- {name: /ca}", 40001, ["rt0:11 /variables/0", "'type'"]),
        ("{a: b}", "{a: ((b/))}", 540004, ["rt0:9 /tags/a", "ends with '/'"]),
    ],
)
def test_runtime_mistakes(written: str, instead: str, code: int, words: list[str]) -> None:
    assert written in RUNTIME
    error = runtime_fault(RUNTIME.replace(written, instead, 1))
    assert error.code == code, error.description
    for word in words:
        assert word in error.description


def test_runtime_configs_join() -> None:
    other = "addons: [{name: b, jobs: [{name: x, release: dns}]}]\n"
    first, second = load_runtime_configs([("a", RUNTIME), ("b", other)])
    assert first.addons[0].include.jobs == (("web", "r"),)
    assert second.addons[0].jobs[0].release == "dns"
    assert runtime_fault(RUNTIME, "tags: {c: d}\n").code == 530006
    assert "rt1:1 /tags" in runtime_fault(RUNTIME, "tags: {c: d}\n").description
    assert runtime_fault(RUNTIME, "releases: [{name: dns, version: 2}]\n").code == 530000
    assert runtime_fault(RUNTIME, "variables: [{name: /ca, type: rsa}]\n").code == 190022


CPI = """cpis:
- name: one
  type: libvirt
  exec_path: /opt/cpi
  properties: {password: ((/cpi/password))}
- name: two
  type: openstack
  migrated_from: [{name: ''}]
"""


@pytest.mark.parametrize(
    ("written", "instead", "code", "words"),
    [
        ("name: two", "name: one", 550000, ["cpi:6 /cpis/1", "Duplicate cpi name 'one'", "first at cpi:2"]),
        ("{name: ''}", "{name: one}", 550000, ["cpi:6", "'one'"]),
        ("  type: libvirt\n", "", 40001, ["cpi:2 /cpis/0", "'type'"]),
        ("((/cpi/password))", "((password))", 540004, ["cpi:5 /cpis/0/properties/password", "((/password))"]),
        ("{password: ((/cpi/password))}", "x", 40000, ["cpi:5", "'properties'", "type 'Hash'"]),
        ("cpis:\n", "cpi:\n", 40001, ["cpi:1", "'cpis'"]),
    ],
)
def test_cpi_mistakes(written: str, instead: str, code: int, words: list[str]) -> None:
    with pytest.raises(BadRequest) as caught:
        load_cpi_configs([("cpi", CPI.replace(written, instead, 1))])
    assert caught.value.code == code, caught.value.description
    for word in words:
        assert word in caught.value.description


def test_cpi_configs_join() -> None:
    found = load_cpi_configs([("a", CPI), ("b", "cpis: [{name: three, type: t}]\n")])
    assert [(one.name, one.exec_path, one.migrated_from) for one in found] == [
        ("one", "/opt/cpi", ()),
        ("two", "", ("",)),
        ("three", "", ()),
    ]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: [\n", 3, ["Invalid YAML"]),
        ("a: 1\na: 2\n", 2, ["key 'a' appears twice, first on line 1"]),
        ("a: &x\n  b: *x\n", 1, ["an alias refers to itself", "Remove the recursive alias"]),
        ("a: *nope\n", 1, ["Invalid YAML"]),
        ("? [a]\n: b\n", 1, ["a key is not a scalar"]),
        ("<<: 1\n", 1, ["'<<' expects a hash"]),
        ("a: !ruby/object:Gem {}\nb: !!int x\n", 2, ["bad value 'x'", "Quote it"]),
    ],
)
def test_yaml_mistakes(text: str, line: int, words: list[str]) -> None:
    with pytest.raises(BadRequest) as caught:
        read_yaml(text, "doc")
    assert caught.value.code == 710000
    assert caught.value.place.line == line
    for word in words:
        assert word in caught.value.description


def test_yaml_lines_and_aliases() -> None:
    value, source = read_yaml("a: &x {k: [1, yes]}\nb:\n  <<: *x\n  d: 2001-01-01\nc: *x\n", "doc")
    assert value == {"a": {"k": [1, True]}, "b": {"k": [1, True], "d": "2001-01-01"}, "c": {"k": [1, True]}}
    assert value["a"] is not value["c"]
    assert (source.line(("b", "d")), source.line(("c",)), source.line(("c", "k", 0)), source.line(("zzz",))) == (
        4,
        5,
        1,
        1,
    )
    assert str(source.place(("b", "d"))) == "doc:4 /b/d"


def test_an_alias_bomb_is_refused() -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    text += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    with pytest.raises(BadRequest, match="grows too large"):
        read_yaml(text, "doc")


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("a", Placeholder("a")),
        ("!a", Placeholder("a")),
        (" a.b.c ", Placeholder("a", ("b", "c"))),
        ("/d/e.f", Placeholder("/d/e", ("f",))),
    ],
)
def test_placeholders(inner: str, expected: Placeholder) -> None:
    assert parse_placeholder(inner) == expected


@pytest.mark.parametrize(
    ("inner", "reason"),
    [
        ("", "it is empty"),
        ("a b", "not allowed"),
        ("/a.b/c", "not allowed"),
        ("a/", "ends with '/'"),
        ("a//b", "'//'"),
        ("a..b", "key after a dot is empty"),
    ],
)
def test_bad_placeholders(inner: str, reason: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_placeholder(inner)
    assert caught.value.code == 540004
    assert reason in caught.value.message
    assert "Use letters" in caught.value.remedy


def test_used_variables() -> None:
    document = {
        "a": "((x.y)) and ((/b/z))",
        "((key))": [1, ("((!w))",), {"n": None}],
        "no": "((open",
        "many": "((x))((v))",
    }
    assert used_variables(document) == {"x", "/b/z", "key", "w", "v"}
    assert absolute_name("x", "mst", "shop") == "/mst/shop/x"
    assert absolute_name("/x", "mst", "shop") == "/x"


texts = st.text(st.characters(max_codepoint=0xD7FF), max_size=100)  # YAML limits keys to 1024 characters


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | texts, lambda one: st.lists(one) | st.dictionaries(texts, one)
    )
)
def test_json_reads_back_as_itself(value: Any) -> None:
    import json

    text = json.dumps(value)
    try:
        found, _ = read_yaml(text, "doc")
    except BadRequest as error:
        assert "'<<'" in error.message or "<<" in text
        return
    if "<<" not in text and '"=' not in text:
        assert found == value
