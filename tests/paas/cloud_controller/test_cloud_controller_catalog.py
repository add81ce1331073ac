"""Catalogs of brokers: what is taken, and that all faults are told at once."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paas.cloud_controller.broker.catalog import CatalogError, read_catalog
from paas.cloud_controller.broker.vcap import BoundService, vcap_services

from tests.paas.cloud_controller.broker_peer import catalog


def test_a_good_catalog_is_read() -> None:
    db, bare = read_catalog(catalog())
    assert (db.id, db.bindable, db.tags, db.requires) == ("db-id", True, ["sql", "relational"], ["syslog_drain"])
    assert db.documentation_url == "https://docs.test/db"
    assert [(one.name, one.free) for one in db.plans] == [("small", True), ("large", False), ("slow", True)]
    assert not bare.bindable
    assert "plans" not in db.entry


def test_all_faults_are_told_at_once() -> None:
    document = catalog()
    db, bare = document["services"]
    db["bindable"] = "yes"
    db["tags"] = [1]
    db["requires"] = ["root"]
    db["dashboard_client"] = {"id": "x", "secret": 5}
    db["plans"][0]["free"] = "true"
    db["plans"][1]["name"] = "small"
    db["plans"][1]["maintenance_info"] = {"version": "new", "colour": "red"}
    db["plans"][2]["id"] = "small-id"
    bare["id"] = "db-id"
    bare["name"] = "db"
    bare["plans"] = []
    with pytest.raises(CatalogError) as raised:
        read_catalog(document)
    text = str(raised.value)
    for words in (
        "Service 'db': bindable must be a boolean",
        "Service 'db': tags must be a list of strings",
        'requires contains unsupported value "root"',
        "dashboard_client: secret is required",
        "dashboard_client: redirect_uri is required",
        "Plan 'small': free must be a boolean",
        "Plan names must be unique within a service",
        "version must be a Semantic Version",
        "contains invalid key(s): colour",
        "Plan ids must be unique: 'small-id'",
        "Service ids must be unique",
        "Service names must be unique",
        "At least one plan is required",
    ):
        assert words in text, words


@pytest.mark.parametrize("document", [{}, {"services": []}, {"services": {}}, {"services": None}])
def test_a_catalog_without_services_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(CatalogError, match="at least one service"):
        read_catalog(document)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["id", "name", "description", "bindable", "tags", "requires", "metadata", "plans", "dashboard_client"]
PLAN_FIELDS = ["id", "name", "description", "free", "maintenance_info", "schemas", "metadata", "bindable"]


@given(st.sampled_from(FIELDS), ANY, st.sampled_from(PLAN_FIELDS), ANY)
def test_whatever_a_field_holds_it_is_read_or_named(field: str, value: Any, plan_field: str, plan_value: Any) -> None:
    document = copy.deepcopy(catalog())
    document["services"][0]["plans"][1][plan_field] = plan_value
    document["services"][1][field] = value
    try:
        assert len(read_catalog(document)) == 2
    except CatalogError as error:
        assert all(": " in one for one in error.faults)


def test_vcap_services_has_what_apps_look_for() -> None:
    managed = BoundService(
        "i1", "orders", "b1", None, {"uri": "postgres://x"}, "postgresql", "small", ["sql"], "syslog://d"
    )
    named = BoundService("i2", "more", "b2", "cache", {}, "redis", "one")
    own = BoundService("i3", "mine", "b3", None, {"url": "https://x"}, tags=["own"])
    found = vcap_services([managed, named, own])
    assert set(found) == {"postgresql", "redis", "user-provided"}
    entry = found["postgresql"][0]
    assert entry["name"] == entry["instance_name"] == "orders"
    assert (entry["plan"], entry["tags"], entry["syslog_drain_url"]) == ("small", ["sql"], "syslog://d")
    assert entry["credentials"] == {"uri": "postgres://x"}
    assert found["redis"][0]["name"] == found["redis"][0]["binding_name"] == "cache"
    assert "plan" not in found["user-provided"][0]
