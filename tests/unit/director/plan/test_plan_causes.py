"""Causes: by field, with old and new, short, and without secrets."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from yard import Yard, deployment, disk, group

from director.model.instance import InstanceSpec
from director.plan.causes import HIDDEN, SHORT, differences, shown
from director.plan.compare import Depth, compare


def told(old: Any, new: Any) -> list[str]:
    return [str(one) for one in differences("web.properties", old, new)]


def test_leaves_are_named_by_their_path() -> None:
    old = {"a": {"b": 1, "c": [1, 2]}, "gone": True, "same": "x"}
    new = {"a": {"b": 2, "c": [1]}, "new": "y", "same": "x"}
    assert told(old, new) == [
        "web.properties.a.b: 1 → 2",
        "web.properties.a.c: [1, 2] → [1]",
        "web.properties.gone: True → none",
        "web.properties.new: y",
    ]


def test_equal_documents_have_no_causes_whatever_the_order_of_keys() -> None:
    assert told({"a": 1, "b": 2}, {"b": 2, "a": 1}) == []


def test_a_hash_that_comes_or_goes_is_told_by_its_leaves() -> None:
    assert told({}, {"a": {"b": 1}}) == ["web.properties.a.b: 1"]
    assert told({"a": {"b": 1}}, {"a": None}) == ["web.properties.a.b: 1 → none"]
    assert told({"a": {}}, {}) == ["web.properties.a: {} → none"]
    assert told({"a": {"b": 1}}, {"a": "text"}) == ["web.properties.a: {'b': 1} → text"]


def test_long_values_are_shortened() -> None:
    (cause,) = differences("p", "x" * 200, "y")
    assert len(cause.old) == SHORT
    assert cause.old.endswith("…")


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "admin_password",
        "passphrase",
        "secret",
        "client_secret",
        "token",
        "private_key",
        "api_key",
        "key",
        "ssh-key",
        "accessKey",
        "db_credentials",
        "smtp_pwd",
        "passwd",
        "keys",
    ],
)
def test_values_of_keys_that_look_secret_are_hidden(key: str) -> None:
    assert told({key: "s3cr3t"}, {key: "an0ther"}) == [f"web.properties.{key}: {HIDDEN} → {HIDDEN}"]
    assert told({}, {key: 12345}) == [f"web.properties.{key}: {HIDDEN}"]


@pytest.mark.parametrize("key", ["monkey", "keyboard", "port", "greeting", "passive", "turkey"])
def test_other_values_are_shown(key: str) -> None:
    assert told({}, {key: "open"}) == [f"web.properties.{key}: open"]


@pytest.mark.parametrize(
    "value",
    [
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
        "-----BEGIN CERTIFICATE-----\nMIIE",
        "postgres://user:s3cr3t@host/db",
        [{"name": "admin", "password": "s3cr3t"}],
        [["-----BEGIN PRIVATE KEY-----"]],
    ],
)
def test_secrets_inside_values_are_hidden(value: Any) -> None:
    text = str(shown("web.properties.users", value))
    assert "s3cr3t" not in text
    assert "BEGIN" not in text


def test_names_of_variables_are_shown() -> None:
    assert told({"password": "((old))"}, {"password": "((new))"}) == ["web.properties.password: ((old)) → ((new))"]


def spec() -> InstanceSpec:
    yard = Yard()
    yard.deploy(deployment(group(disk=disk())))
    (row,) = yard.instances.values()
    assert row.applied is not None
    return row.applied


def test_the_same_spec_is_nothing() -> None:
    assert compare(spec(), spec()).depth is Depth.NOTHING


def with_job(one: InstanceSpec, **fields: Any) -> InstanceSpec:
    return replace(one, jobs=(replace(one.jobs[0], **fields),))


def test_other_code_of_a_job_is_an_update_even_when_it_renders_the_same() -> None:
    change = compare(spec(), with_job(spec(), fingerprint="0123456789", release_version="2"))
    assert change.depth is Depth.UPDATE
    assert [str(one) for one in change.causes] == ["jobs.server: r/1 f-server → r/2 01234567"]


def test_another_release_version_with_the_same_job_is_only_recorded() -> None:
    change = compare(spec(), with_job(spec(), release_version="2", inputs="moved"))
    assert (change.depth, change.causes) == (Depth.RECORD, ())


def test_only_jobs_whose_files_changed_are_told() -> None:
    old = spec()
    jobs = tuple(replace(old.jobs[0], name=name, properties={"x": name}) for name in ("a", "b"))
    old = replace(old, jobs=jobs, template_hashes={"a": "1", "b": "1"}, configuration_hash="1")
    new = replace(
        old,
        jobs=tuple(replace(one, inputs="moved", properties={"x": f"{one.name}2"}) for one in jobs),
        template_hashes={"a": "1", "b": "2"},
        configuration_hash="2",
    )
    assert [str(one) for one in compare(old, new).causes] == ["b.properties.x: b → b2"]


def test_another_configuration_without_a_known_reason_is_told_by_its_hashes() -> None:
    old = replace(spec(), configuration_hash="a" * 40)
    new = with_job(replace(old, configuration_hash="b" * 40, template_hashes={"server": "z"}), inputs="moved")
    change = compare(old, new)
    assert change.depth is Depth.UPDATE
    assert [str(one) for one in change.causes] == ["configuration: aaaaaaaa → bbbbbbbb (server)"]


def test_a_link_is_told_by_what_moved_in_it() -> None:
    old = {"instances": 1, "addresses": "10.0.0.2", "properties": {"port": 1}, "digest": "a"}

    def causes(**fields: Any) -> list[str]:
        before = replace(with_job(spec(), links={"db": old}), configuration_hash="1", template_hashes={"server": "1"})
        after = with_job(before, links={"db": {**old, **fields, "digest": "b"}}, inputs="moved")
        after = replace(after, configuration_hash="2", template_hashes={"server": "2"})
        return [str(one) for one in compare(before, after).causes]

    assert causes(properties={"port": 2}) == ["server.links.db.properties.port: 1 → 2"]
    assert causes(addresses="10.0.0.3") == ["server.links.db.addresses: 10.0.0.2 → 10.0.0.3"]
    assert causes() == ["server.links.db.digest: a → b"]


def test_bootstrap_alone_is_only_recorded() -> None:
    """It is no change of the contract's list; a template that reads it makes another configuration."""
    assert compare(spec(), replace(spec(), bootstrap=False)).depth is Depth.RECORD


def test_a_migrated_instance_is_told_its_new_name() -> None:
    change = compare(spec(), replace(spec(), group="new", index=3))
    assert change.depth is Depth.UPDATE
    assert change.tags
    assert [str(one) for one in change.causes] == ["instance_group: web → new", "index: 0 → 3"]


def test_the_deepest_change_wins_and_all_causes_are_told() -> None:
    old = spec()
    new = replace(old, vm=replace(old.vm, env={"a": 1}), state="stopped", tags={"t": "1"}, disk=None)
    change = compare(old, new)
    assert (change.depth, change.disk, change.tags) == (Depth.RECREATE, True, True)
    assert [one.field for one in change.causes] == ["env.a", "persistent_disk", "state", "tags.t"]


def test_no_cause_is_told_twice() -> None:
    yard = Yard()
    wanted = deployment(group(instances=3))
    yard.deploy(wanted)
    yard.content.properties = {"greeting": "Hi"}
    for stage in yard.plan(wanted).stages:
        for unit in stage.units:
            assert sum(bool(step.causes) for step in unit.steps) <= 1
