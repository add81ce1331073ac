from __future__ import annotations

import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from meristem.formats import ops_files
from meristem.formats.errors import FormatError
from meristem.formats.interpolate import Sources, interpolate
from meristem.formats.vars_store import VarsStore


def with_values(**values: Any) -> Sources:
    return Sources(values=values)


def test_types_are_kept_for_whole_placeholders() -> None:
    document: Any = {
        "a": "((n))",
        "b": "x-((n))-((s))",
        "c": ["((h.deep.er))", "((h.list.1))"],
        "((k))": 1,
        "d": "((!n))",
    }
    sources = with_values(n=5, s="y", h={"deep": {"er": [1]}, "list": ["p", "q"]}, k="key")
    assert interpolate(document, sources) == {"a": 5, "b": "x-5-y", "c": [[1], "q"], "key": 1, "d": 5}


def test_unknown_stay_for_the_director() -> None:
    document: Any = {"a": "((x))", "b": "p((x.y))q", "c": "((/abs/name.key))", "d": "(( x y ))"}
    assert interpolate(document, Sources()) == document


def test_values_are_not_filled_again() -> None:
    assert interpolate({"a": "((x))"}, with_values(x="((y))", y="z")) == {"a": "((y))"}


def test_precedence(tmp_path: Path) -> None:
    file = tmp_path / "vars.yml"
    file.write_text("a: file\nb: file\nc: file\nd: file\n")
    later = tmp_path / "later.yml"
    later.write_text("d: later\n")
    raw = tmp_path / "raw"
    raw.write_text("raw: text")
    sources = Sources()
    sources.add_environment("MY", {"MY_a": "env", "MY_b": "env", "MY_c": "env", "MY_e": "7", "OTHER_a": "no"})
    sources.add_file(file)
    sources.add_file(later)
    sources.add_file_value(f"b={raw}")
    sources.add_value("a=flag")
    document: Any = {key: f"(({key}))" for key in "abcde"}
    assert interpolate(document, sources) == {"a": "flag", "b": "raw: text", "c": "file", "d": "later", "e": 7}


def test_ops_come_before_variables() -> None:
    operations = ops_files.read("- {type: replace, path: /n, value: ((n))}\n", "ops.yml")
    assert interpolate({"n": 1}, with_values(n=3), operations) == {"n": 3}


@pytest.mark.parametrize(
    ("document", "values", "words"),
    [
        ({"a": "x((v))"}, {"v": [1]}, "Invalid type 'array' for value and variable 'v'"),
        ({"a": "x((v))"}, {"v": True}, "Invalid type 'boolean'"),
        ({"a": "((v.no))"}, {"v": {"yes": 1}}, "Expected to find a map key 'no'"),
        ({"a": "((v.no))"}, {"v": "text"}, "found string"),
    ],
)
def test_refused(document: Any, values: dict[str, Any], words: str) -> None:
    with pytest.raises(FormatError) as caught:
        interpolate(document, Sources(values=values))
    assert words in caught.value.message
    assert caught.value.remedy


def test_strict_checks() -> None:
    with pytest.raises(FormatError, match="Expected to find variables: a, b"):
        interpolate({"x": "((b))((a))"}, Sources(), expect_found=True)
    with pytest.raises(FormatError, match="Expected to use variables: c"):
        interpolate({"x": "((b.d))"}, with_values(b={"d": 1}, c=2), expect_used=True)


@pytest.mark.parametrize("argument", ["novalue", "=x"])
def test_bad_flags(argument: str) -> None:
    with pytest.raises(FormatError, match="name=value"):
        Sources().add_value(argument)
    with pytest.raises(FormatError) as caught:
        Sources().add_file(Path("/nowhere/x.yml"))
    assert "/nowhere/x.yml" in caught.value.place


def test_store_generates_once_and_serves_again(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "vars.yml"
    document: Any = {
        "p": "((word))",
        "key": "((door.private_key))",
        "variables": [
            {"name": "word", "type": "password", "options": {"length": 33}},
            {"name": "root", "type": "certificate", "options": {"common_name": "ca", "is_ca": True}},
            {
                "name": "door",
                "type": "certificate",
                "options": {"ca": "root", "common_name": "((host))", "alternative_names": ["127.0.0.1", "((host))"]},
            },
            {"name": "login", "type": "ssh"},
            {"name": "left", "type": ""},
        ],
    }
    first: Any = interpolate(document, Sources(values={"host": "example.test"}, store=VarsStore(file)))
    assert len(first["p"]) == 33
    assert first["variables"] == [{"name": "left", "type": ""}]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again: Any = interpolate(document, Sources(values={"host": "example.test"}, store=VarsStore(file)))
    assert again == first
    stored: Any = {name: VarsStore(file).get(name) for name in ("root", "door", "login")}
    for name in ("root", "door"):
        (tmp_path / name).write_text(stored[name]["certificate"])
    checked = subprocess.run(
        [
            "openssl",
            "verify",
            "-x509_strict",
            "-verify_ip",
            "127.0.0.1",
            "-CAfile",
            tmp_path / "root",
            tmp_path / "door",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
    assert stored["door"]["ca"] == stored["root"]["certificate"]
    assert stored["login"]["public_key"].startswith("ssh-rsa ")
    assert stored["login"]["public_key_fingerprint"].count(":") == 15


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ({"name": "x", "type": "magic"}, "Unsupported variable type 'magic'"),
        ({"name": "x", "type": "certificate"}, "has no common_name"),
        ({"name": "x", "type": "certificate", "options": {"ca": "gone", "common_name": "c"}}, "signed by 'gone'"),
        ({"name": "x", "type": "user", "options": {"username": "((x.username))"}}, "define each other: x -> x"),
    ],
)
def test_what_cannot_be_generated(tmp_path: Path, definition: Any, words: str) -> None:
    with pytest.raises(FormatError) as caught:
        interpolate({"variables": [definition]}, Sources(store=VarsStore(tmp_path / "v.yml")))
    assert words in caught.value.message
