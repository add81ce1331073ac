"""Variables: generated, kept, pinned, filled in, over the real SQL store in memory."""

from __future__ import annotations

import base64
import hashlib
import itertools
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from director.adapters.secrets import StoreSecrets
from director.adapters.store.sql import SqlStore, open_store
from director.model.deployment import VariableWanted
from director.model.errors import BadRequest, DirectorError
from director.model.rows import VariableRow
from director.ports.secrets import Resolved, Secrets
from director.ports.store import Changes

WANTED = VariableWanted


@pytest.fixture
async def store() -> AsyncIterator[SqlStore]:
    opened = await open_store(":memory:")
    yield opened
    await opened.close()


@pytest.fixture
def secrets(store: SqlStore, tmp_path: Path) -> StoreSecrets:
    ticks = itertools.count(1)
    return StoreSecrets(store, tmp_path / "state" / "master.key", "mst", now=lambda: float(next(ticks)))


async def deploy(
    secrets: StoreSecrets, store: SqlStore, wanted: list[VariableWanted], used: list[str] | None = None, **how: Any
) -> Resolved:
    resolved = await secrets.resolve("demo", wanted, used or [], pinned=how.pop("pinned", {}), **how)
    await store.commit(Changes(put=resolved.rows))
    return resolved


async def value(secrets: StoreSecrets, resolved: Resolved, text: Any) -> Any:
    return await secrets.interpolate(text, "demo", resolved.pins, extra=resolved.rows)


def test_it_is_the_port(secrets: StoreSecrets) -> None:
    port: Secrets = secrets
    assert port is secrets


async def test_a_password_is_made_once_and_kept(secrets: StoreSecrets, store: SqlStore) -> None:
    first = await deploy(secrets, store, [WANTED("pw", "password", {"length": 40})], ["pw"])
    again = await deploy(secrets, store, [WANTED("pw", "password", {"length": 12})], ["pw"])
    assert set(first.pins) == {"/mst/demo/pw"}
    assert again.pins == first.pins
    assert again.rows == ()
    password = await value(secrets, first, "((pw))")
    assert len(password) == 40
    assert password.isalnum()


async def test_resolving_commits_nothing(secrets: StoreSecrets, store: SqlStore) -> None:
    resolved = await secrets.resolve("demo", [WANTED("pw", "password")], ["pw"], pinned={})
    assert len(resolved.rows) == 1
    assert await store.find(VariableRow) == []


async def test_nothing_readable_reaches_the_store(secrets: StoreSecrets, store: SqlStore, tmp_path: Path) -> None:
    row = await secrets.set_value("/shared/token", "value", "open sesame")
    kept = await store.get(VariableRow, row.id)
    assert kept is not None
    assert "sesame" not in repr(kept)
    assert base64.b64encode(b"open sesame").decode()[:10] not in kept.sealed
    other = StoreSecrets(store, tmp_path / "another.key", "mst")
    with pytest.raises(DirectorError, match="cannot be opened") as caught:
        await other.interpolate("((/shared/token))", "demo", {"/shared/token": row.id})
    assert "restore the key file" in caught.value.remedy


async def test_a_row_moved_to_another_name_does_not_open(secrets: StoreSecrets, store: SqlStore) -> None:
    row = await secrets.set_value("/a", "value", "x")
    await store.commit(Changes(put=[VariableRow(id="thief", name="/b", type="value", sealed=row.sealed, created_at=9)]))
    with pytest.raises(DirectorError, match="variable '/b' cannot be opened"):
        await secrets.interpolate("((/b))", "demo", {"/b": "thief"})


async def test_setting_the_same_value_makes_no_new_version(secrets: StoreSecrets) -> None:
    one = await secrets.set_value("/shared/token", "value", {"a": 1, "b": 2})
    same = await secrets.set_value("/shared/token", "value", {"b": 2, "a": 1})
    other = await secrets.set_value("/shared/token", "value", {"a": 1, "b": 3})
    assert same.id == one.id
    assert other.id != one.id
    assert other.digest != one.digest


async def test_pins_hold_a_version_and_new_deploys_take_the_newest(secrets: StoreSecrets, store: SqlStore) -> None:
    await secrets.set_value("/shared/token", "value", "old")
    before = await deploy(secrets, store, [], ["/shared/token"])
    await secrets.set_value("/shared/token", "value", "new")
    held = await deploy(secrets, store, [], ["/shared/token"], pinned=before.pins)
    fresh = await deploy(secrets, store, [], ["/shared/token"])
    assert await value(secrets, held, "((/shared/token))") == "old"
    assert await value(secrets, fresh, "((/shared/token))") == "new"


async def test_modes(secrets: StoreSecrets, store: SqlStore) -> None:
    async def one(mode: str, length: int, **how: Any) -> Resolved:
        return await deploy(secrets, store, [WANTED(mode, "password", {"length": length}, mode)], **how)

    kept = await one("no-overwrite", 20)
    assert (await one("no-overwrite", 30)).pins == kept.pins
    assert (await one("overwrite", 20)).pins != (await one("overwrite", 20)).pins
    settled = await one("converge", 20)
    assert (await one("converge", 20)).pins == settled.pins
    changed = await one("converge", 30, pinned=settled.pins)
    assert changed.pins != settled.pins
    assert len(await value(secrets, changed, "((converge))")) == 30
    assert (await one("no-overwrite", 30, converge=True)).pins != kept.pins


async def test_certificates_are_signed_by_their_authority(secrets: StoreSecrets, store: SqlStore) -> None:
    wanted = [
        WANTED(
            "leaf",
            "certificate",
            {
                "ca": "root",
                "common_name": "web.internal",
                "alternative_names": ["web.internal", "10.0.0.7"],
                "extended_key_usage": ["server_auth"],
                "key_usage": ["digital_signature"],
                "duration": 30,
            },
        ),
        WANTED("root", "certificate", {"is_ca": True, "common_name": "root", "organization": "Example"}),
    ]
    resolved = await deploy(secrets, store, wanted)
    root, leaf = await value(secrets, resolved, ["((root))", "((leaf))"])
    authority = x509.load_pem_x509_certificate(root["certificate"].encode())
    issued = x509.load_pem_x509_certificate(leaf["certificate"].encode())
    issued.verify_directly_issued_by(authority)
    assert leaf["ca"] == root["certificate"]
    names = issued.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["web.internal"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.7"]
    assert (issued.not_valid_after_utc - issued.not_valid_before_utc).days == 30
    assert leaf["private_key"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    key: Any = load_pem_private_key(leaf["private_key"].encode(), None)
    assert key.public_key() == issued.public_key()
    ends = await secrets.expiries(resolved.pins)
    assert [one.name for one in ends] == ["/mst/demo/leaf", "/mst/demo/root"]


async def test_converging_leaves_follow_a_new_authority(secrets: StoreSecrets, store: SqlStore) -> None:
    def both(name: str) -> list[VariableWanted]:
        root = WANTED("root", "certificate", {"is_ca": True, "common_name": name}, "converge")
        return [root, WANTED("leaf", "certificate", {"ca": "root", "common_name": "leaf"}, "converge")]

    first = await deploy(secrets, store, both("one"))
    same = await deploy(secrets, store, both("one"))
    second = await deploy(secrets, store, both("two"))
    assert same.pins == first.pins
    assert second.pins["/mst/demo/leaf"] != first.pins["/mst/demo/leaf"]


async def test_ssh_rsa_and_user(secrets: StoreSecrets, store: SqlStore) -> None:
    wanted = [
        WANTED("s", "ssh", {"ssh_comment": "ops"}),
        WANTED("r", "rsa"),
        WANTED("u", "user", {"username": "admin"}),
    ]
    resolved = await deploy(secrets, store, wanted)
    ssh, rsa, user = await value(secrets, resolved, ["((s))", "((r))", "((u))"])
    kind, blob, comment = ssh["public_key"].split(" ")
    assert (kind, comment) == ("ssh-rsa", "ops")
    digest = base64.b64encode(hashlib.sha256(base64.b64decode(blob)).digest()).decode().rstrip("=")
    assert ssh["public_key_fingerprint"] == digest
    assert rsa["public_key"].startswith("-----BEGIN PUBLIC KEY-----")
    assert user["username"] == "admin"
    assert user["password_hash"].startswith("$6$")


async def test_options_may_use_other_variables(secrets: StoreSecrets, store: SqlStore) -> None:
    await secrets.set_value("/shared/host", "value", "web.example")
    wanted = [
        WANTED("c", "certificate", {"common_name": "((/shared/host))", "alternative_names": ["*.((/shared/host))"]})
    ]
    resolved = await deploy(secrets, store, wanted)
    pem = (await value(secrets, resolved, "((c.certificate))")).encode()
    names = x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["*.web.example"]


async def test_interpolation(secrets: StoreSecrets, store: SqlStore) -> None:
    await secrets.set_value("/mst/demo/port", "value", 8080)
    await secrets.set_value("/mst/demo/on", "value", True)
    await secrets.set_value("/mst/demo/map", "json", {"a": {"b": [1, 2]}, "key": "name"})
    resolved = await deploy(secrets, store, [], ["port", "on", "map"])
    text = {
        "whole": "((port))",
        "flag": "((!on))",
        "nested": "((map.a.b))",
        "inside": "http://((map.key)):((port))/",
        "((map.key))": [("((on))",), None, 1.5],
        "plain": "(( not closed",
    }
    assert await value(secrets, resolved, text) == {
        "whole": 8080,
        "flag": True,
        "nested": [1, 2],
        "inside": "http://name:8080/",
        "name": [[True], None, 1.5],
        "plain": "(( not closed",
    }


@pytest.mark.parametrize(
    ("wanted", "used", "code", "words"),
    [
        ([], ["gone"], 540001, ["Failed to find variable '/mst/demo/gone'", "'variables'"]),
        ([], ["gone", "/far/away"], 540001, ["2 errors", "/mst/demo/gone", "/far/away"]),
        ([WANTED("x", "passwrd")], [], 540005, ["'x'", "type 'passwrd' is not known", "Use one of password"]),
        ([WANTED("x", "value")], [], 540005, ["'x'", "set, never generated", "variables API"]),
        ([WANTED("x", "password", {"length": "long"})], [], 540005, ["name=x/options/length", "number from 4"]),
        ([WANTED("x", "rsa", {"key_length": 2049})], [], 540005, ["options/key_length", "2048, 3072, 4096"]),
        ([WANTED("x", "certificate", {"ca": "none", "common_name": "x"})], [], 540001, ["/mst/demo/none", "name=x"]),
        ([WANTED("x", "certificate", {})], [], 540005, ["'x'", "no name", "common_name"]),
        (
            [WANTED("x", "certificate", {"common_name": "x", "key_usage": ["sign"]})],
            [],
            540005,
            ["'sign' is not known", "digital_signature"],
        ),
        (
            [
                WANTED("a", "certificate", {"ca": "b", "common_name": "a"}),
                WANTED("b", "certificate", {"ca": "a", "common_name": "b"}),
            ],
            [],
            540005,
            ["circle: /mst/demo/a -> /mst/demo/b -> /mst/demo/a", "Break the circle"],
        ),
        (
            [WANTED("root", "password"), WANTED("x", "certificate", {"ca": "root", "common_name": "x"})],
            [],
            540005,
            ["ca 'root' holds no certificate", "options/ca"],
        ),
        (
            [WANTED("w", "password", {"exclude_upper": True, "exclude_lower": True, "exclude_number": True})],
            [],
            540005,
            ["every kind of character", "Allow at least one"],
        ),
    ],
)
async def test_what_cannot_be_had_is_named(
    secrets: StoreSecrets, wanted: list[VariableWanted], used: list[str], code: int, words: list[str]
) -> None:
    with pytest.raises(BadRequest) as caught:
        await secrets.resolve("demo", wanted, used, pinned={})
    assert caught.value.code == code
    for word in words:
        assert word in caught.value.description


async def test_interpolation_names_everything_missing_at_once(secrets: StoreSecrets, store: SqlStore) -> None:
    await secrets.set_value("/mst/demo/map", "json", {"a": 1})
    resolved = await deploy(secrets, store, [], ["map"])
    with pytest.raises(BadRequest) as caught:
        await value(secrets, resolved, ["((map.b))", "((map.a.c))", "x ((map)) y"])
    assert caught.value.code == 540001
    text = caught.value.description
    assert "expected '/mst/demo/map' hash to have key 'b'. Its keys are: a" in text
    assert "expected '/mst/demo/map.a' to be a hash" in text
    assert "inside a longer string" in text
    with pytest.raises(BadRequest) as caught:
        await value(secrets, resolved, ["((one))", "((two))"])
    assert caught.value.code == 540008
    assert "'/mst/demo/one', '/mst/demo/two'" in caught.value.message


def test_the_master_key_is_private_and_stays(store: SqlStore, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "master.key"
    StoreSecrets(store, path, "mst")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    StoreSecrets(store, path, "mst")
    assert path.read_text() == text
    assert [one.name for one in path.parent.iterdir()] == ["master.key"]
    path.chmod(0o640)
    with pytest.raises(DirectorError, match="open to others") as caught:
        StoreSecrets(store, path, "mst")
    assert f"chmod 600 {path}" in caught.value.remedy
    path.chmod(0o600)
    path.write_text("meristem master key 1\nAAAA\n")
    with pytest.raises(DirectorError, match="is damaged") as caught:
        StoreSecrets(store, path, "mst")
    assert str(path) in caught.value.description
