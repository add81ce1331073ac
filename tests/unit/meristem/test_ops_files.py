from __future__ import annotations

import copy
from typing import Any

import pytest

from meristem.formats import ops_files
from meristem.formats.errors import FormatError

DOCUMENT: dict[str, Any] = {
    "name": "demo",
    "groups": [{"name": "web", "jobs": [{"name": "a"}]}, {"name": "store", "n": 3}, {"name": "twin"}, {"name": "twin"}],
    "a/b": {"c~d": 1, "e:f": 2},
    "list": [1, 2, 3],
    "nil": None,
}


def done(text: str) -> Any:
    return ops_files.apply(DOCUMENT, ops_files.read(text, "ops.yml"))


def op(kind: str, path: str, value: str = "") -> str:
    return f"- type: {kind}\n  path: {path}\n" + (f"  value: {value}\n" if value else "")


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        (op("replace", "/name", "x"), "/name", "x"),
        (
            op("replace", "/groups/name=web/jobs/-", "{name: b}"),
            "/groups/name=web/jobs",
            [{"name": "a"}, {"name": "b"}],
        ),
        (op("replace", "/groups/name=store/n", "7"), "/groups/1/n", 7),
        (op("replace", "/groups/-1/name", "last"), "/groups/3/name", "last"),
        (op("replace", "/new?/deep/er", "1"), "/new", {"deep": {"er": 1}}),
        (op("replace", "/new?/-", "1"), "/new", [1]),
        (op("replace", "/new?/name=x/v", "1"), "/new", [{"name": "x", "v": 1}]),
        (op("replace", "/groups/name=fresh?/n", "1"), "/groups/-1", {"name": "fresh", "n": 1}),
        (op("replace", "/groups/name=fresh?", "{name: fresh}"), "/groups/-1", {"name": "fresh"}),
        (op("replace", "/a~1b/c~0d", "9"), "/a~1b/c~0d", 9),
        (op("replace", "/a~1b/e~7f", "9"), "/a~1b/e~7f", 9),
        (op("replace", "/list/0:before", "0"), "/list", [0, 1, 2, 3]),
        (op("replace", "/list/0:after", "9"), "/list", [1, 9, 2, 3]),
        (op("replace", "/list/2:prev", "9"), "/list", [1, 9, 3]),
        (op("replace", "/groups/name=web:next/n", "4"), "/groups/1/n", 4),
        (op("replace", "/groups/name=store:before", "{name: mid}"), "/groups/1/name", "mid"),
        (op("remove", "/name"), "/name?", None),
        (op("remove", "/absent?"), "/name", "demo"),
        (op("remove", "/absent?/deep/er"), "/name", "demo"),
        (op("remove", "/groups/name=gone?"), "/groups/0/name", "web"),
        (op("remove", "/list/0"), "/list", [2, 3]),
        (op("remove", "/groups/name=web/jobs/name=a"), "/groups/0/jobs", []),
        (op("test", "/name", "demo"), "/name", "demo"),
        ("- type: test\n  path: /absent\n  absent: true\n", "/name", "demo"),
        (op("replace", "/nil", "null"), "/nil", None),
    ],
)
def test_operations(text: str, path: str, expected: Any) -> None:
    before = copy.deepcopy(DOCUMENT)
    assert ops_files.find(done(text), path) == expected
    assert before == DOCUMENT


def test_whole_document() -> None:
    assert done(op("replace", "/", "{x: 1}")) == {"x": 1}
    assert ops_files.find(DOCUMENT, "/") is DOCUMENT
    assert ops_files.read("", "ops.yml") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            op("replace", "/missing", "1"),
            "Expected to find a map key 'missing' for path '/missing' (found map keys: 'a/b'",
        ),
        (op("replace", "/missing/x?", "1"), "Expected to find a map key 'missing'"),
        (
            op("replace", "/list/7", "1"),
            "Expected to find array index '7' but found array of length '3' for path '/list/7'",
        ),
        (
            op("replace", "/groups/name=no/n", "1"),
            "exactly one matching array item for path '/groups/name=no' but found 0",
        ),
        (
            op("replace", "/groups/name=twin/n", "1"),
            "exactly one matching array item for path '/groups/name=twin' but found 2",
        ),
        (op("replace", "/groups/name=twin?/n", "1"), "but found 2"),
        (op("replace", "/name/x", "1"), "Expected to find a map at path '/name/x' but found 'string'"),
        (op("replace", "/name/0", "1"), "Expected to find an array at path '/name/0' but found 'string'"),
        (op("replace", "/new?/0", "1"), "Expected to find key, matching index or after last index token"),
        (op("remove", "/missing"), "Expected to find a map key 'missing'"),
        (op("remove", "/list/-"), "Expected to not find token '-'"),
        (op("remove", "/"), "Cannot remove entire document"),
        (op("test", "/name", "other"), "Found value does not match expected value at '/name'"),
        ("- type: test\n  path: /name\n  absent: true\n", "Expected to not find '/name'"),
        ("- type: replace\n  path: /missing\n  value: 1\n  error: the groups moved\n", "the groups moved"),
    ],
)
def test_failures_name_file_and_line(text: str, words: str) -> None:
    with pytest.raises(FormatError) as caught:
        done("# a comment\n" + text)
    assert words in caught.value.message
    assert caught.value.place.startswith("ops.yml:2")
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ("a: 1\n", "Expected an array of operations", 1),
        ("- 1\n", "Operation is number", 1),
        ("- path: /a\n", "Unknown operation type ''", 1),
        ("- type: move\n  path: /a\n", "Unknown operation type 'move'", 1),
        ("- type: replace\n  value: 1\n", "Missing path", 1),
        ("- type: replace\n  path: /a\n", "Missing value", 1),
        ("- type: remove\n  path: /a\n  value: 1\n", "Cannot specify value", 3),
        ("- type: test\n  path: /a\n", "Missing value or absent", 1),
        ("- type: remove\n  path: /a\n  valeu: 1\n", "Unknown key 'valeu'", 3),
        ("- type: remove\n  path: a\n", "Expected to start with '/'", 2),
        ("- type: remove\n  path: /a:up\n", "one of the following modifiers", 2),
        ("- type: remove\n  path: /a:prev\n", "modifiers with key token", 2),
        ("- type: replace\n  path: /a/-:prev\n  value: 1\n", "modifiers with after last index", 2),
    ],
)
def test_unreadable_ops_files(text: str, words: str, line: int) -> None:
    with pytest.raises(FormatError) as caught:
        ops_files.read(text, "ops.yml")
    assert words in caught.value.message
    assert caught.value.place.startswith(f"ops.yml:{line}")
