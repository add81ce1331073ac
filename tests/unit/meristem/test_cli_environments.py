from __future__ import annotations

import stat
from pathlib import Path

import pytest

from meristem.cli.environments import Environment, Environments, address
from meristem.cli.failure import CliError
from meristem.cli.slug import InstanceSlug, instance, name_and_version, one_instance
from meristem.cli.table import Bad, Table, key_of
from meristem.cli.task_events import duration, full_time, parse
from meristem.formats.errors import YamlError


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("10.0.0.6", "https://10.0.0.6:25555"),
        ("director.test/", "https://director.test:25555"),
        ("http://10.0.0.6:443", "https://10.0.0.6:443"),
        ("https://[2001:db8::1]:25555", "https://[2001:db8::1]:25555"),
        ("[2001:db8::1]", "https://[2001:db8::1]:25555"),
        ("https://host/prefix", "https://host:25555/prefix"),
    ],
)
def test_address(given: str, expected: str) -> None:
    assert address(given) == expected


def test_stored_environments(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "config"
    stored = Environments(str(file))
    stored.put(Environment("https://a:25555", alias="lab", password="secret"))
    stored.put(Environment("https://b:25555", alias="other"))
    stored.put(Environment("https://c:25555", alias="lab"))
    again = Environments(str(file))
    assert [(known.alias, known.url) for known in again.all()] == [
        ("other", "https://b:25555"),
        ("lab", "https://c:25555"),
    ]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["config"]
    found = again.find("b")
    assert found is not None
    again.remove(found)
    assert Environments(str(file)).find("other") is None


def test_broken_config_file(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text("- a\n")
    with pytest.raises(CliError, match="not a hash"):
        Environments(str(file))
    file.write_text("a: [\n")
    with pytest.raises(YamlError):
        Environments(str(file))


def test_slugs() -> None:
    assert instance(None) == InstanceSlug("*", "*")
    assert instance("web") == InstanceSlug("web", "*")
    assert one_instance("web/0") == InstanceSlug("web", "0")
    assert name_and_version("deb/1.2", "stemcell") == ("deb", "1.2")
    for bad in ("/0", "web/", "a/b/c"):
        with pytest.raises(CliError):
            instance(bad)
    for bad in ("deb", "deb/", "/1"):
        with pytest.raises(CliError):
            name_and_version(bad, "stemcell")
    with pytest.raises(CliError):
        one_instance("web")


def test_table() -> None:
    table = Table("things", ["Name", "Load\n(1m, 5m)"], [["a\nb", Bad("x")], ["", "y"]], ["a note"])
    assert table.as_text(color=False) == ("Name  Load\n      (1m, 5m)\na     x\nb\n-     y\n\na note\n\n2 things\n")
    assert table.as_rows() == ["a,b\tx", "-\ty"]
    assert table.as_json()["Rows"] == [{"name": "a\nb", "load_1m_5m": "x"}, {"name": "", "load_1m_5m": "y"}]
    assert "\x1b[31mx" in table.as_text(color=True)
    assert "\x1b" not in Table("", ["A"], [["\x1b[2Jgone"]]).as_text(color=False)
    assert key_of("Release(s)") == "release_s"
    assert key_of("#", 3) == "3"


def test_event_lines() -> None:
    assert parse("no json") is None
    assert parse("[1]") is None
    event = parse('{"time": 1700000000, "error": {"code": 1, "message": "m"}}')
    assert event is not None
    assert (event.kind, event.failure, event.time) == ("failure", "m", 1700000000)
    assert duration(3725) == "01:02:05"
    assert full_time(1700000000) == "Tue Nov 14 22:13:20 UTC 2023"
    assert full_time(0) == ""
