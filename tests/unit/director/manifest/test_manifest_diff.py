"""The diff that clients print before a deploy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from director.manifest.diff import diff_documents, diff_manifests
from director.manifest.redact import redact_url
from director.model.errors import BadRequest

MANIFEST = """
name: shop
releases: [{name: r, version: '1', url: 'https://ada:pw1@host/r.tgz'}]
update: {canaries: 1}
instance_groups:
- name: web
  instances: 1
  jobs: [{name: j, release: r, properties: {secret: one, list: [a]}}]
  env: {bosh: {password: p1}}
- name: db
  instances: 1
"""


def test_a_change_is_shown_below_its_names() -> None:
    new = MANIFEST.replace("instances: 1\n  jobs", "instances: 3\n  jobs").replace("version: '1'", "version: '2'")
    assert diff_manifests(MANIFEST, new) == [
        ("releases:", None),
        ("- name: r", None),
        ("  version: '1'", "removed"),
        ("  version: '2'", "added"),
        ("", None),
        ("instance_groups:", None),
        ("- name: web", None),
        ("  instances: 1", "removed"),
        ("  instances: 3", "added"),
    ]


def test_secrets_are_hidden_unless_asked_for() -> None:
    new = MANIFEST.replace("secret: one", "secret: two").replace("p1}", "p2}").replace("pw1", "pw2")
    lines = diff_manifests(MANIFEST, new)
    text = "\n".join(line for line, _ in lines)
    for secret in ("one", "two", "p1", "p2", "pw1", "pw2", "ada"):
        assert secret not in text
    assert ("      secret: <redacted>", "added") in lines
    assert ("      password: <redacted>", "removed") in lines
    shown = "\n".join(line for line, _ in diff_manifests(MANIFEST, new, redact=False))
    assert "secret: two" in shown
    assert "ada:pw2@host" in shown


def test_a_first_deploy_adds_everything_in_the_contracts_order() -> None:
    cloud = "networks: [{name: n, subnets: []}]\nazs: [{name: z1}]\ncompilation: {workers: 1}\n"
    runtime = "addons: [{name: a}, {name: b, include: {instance_groups: [other]}}]\ntags: {x: y}\n"
    lines = diff_manifests("", MANIFEST + "tags: {x: own}\n", [], [cloud, runtime])
    assert {status for text, status in lines if text} == {"added"}
    heads = [text.partition(":")[0] for text, _ in lines if text and text[0] not in " -"]
    assert heads == [
        "azs",
        "compilation",
        "networks",
        "name",
        "releases",
        "update",
        "addons",
        "instance_groups",
        "tags",
    ]
    assert ("  x: own", "added") in lines
    assert ("- name: a", "added") in lines
    assert ("- name: b", "added") not in lines
    assert [text for text, _ in lines].count("") == len(heads) - 1


def test_ranges_match_subnets_and_order_does_not_count() -> None:
    old = "networks: [{name: n, subnets: [{range: 10.0.0.0/24, dns: [a]}, {range: 10.0.1.0/24}]}]\n"
    new = "networks: [{name: n, subnets: [{range: 10.0.1.0/24}, {range: 10.0.0.0/24, dns: [a, b]}]}]\n"
    assert diff_documents(old, new) == [
        ("networks:", None),
        ("- name: n", None),
        ("  subnets:", None),
        ("  - range: 10.0.0.0/24", None),
        ("    dns:", None),
        ("    - b", "added"),
    ]


def test_items_without_a_name_come_and_go() -> None:
    assert diff_documents("a: [{x: 1}, {y: 2}]\n", "a: [{y: 2}, {x: 2}]\n") == [
        ("a:", None),
        ("- x: 2", "added"),
        ("- x: 1", "removed"),
    ]
    assert diff_documents("a: {b: c}\nd: 1\n", "a: [b]\nd:\n") == [
        ("a:", "removed"),
        ("  b: c", "removed"),
        ("a:", "added"),
        ("- b", "added"),
        ("", None),
        ("d: 1", "removed"),
    ]


def test_a_changed_type_is_a_change() -> None:
    assert diff_documents("a: 1\n", "a: '1'\n") == [("a: 1", "removed"), ("a: '1'", "added")]


def test_urls() -> None:
    assert redact_url("https://ada:pw@host/x") == "https://<redacted>:<redacted>@host/x"
    assert redact_url("https://host/x") == "https://host/x"
    assert redact_url("http://[bad") == "http://[bad"


def test_text_that_is_not_yaml() -> None:
    with pytest.raises(BadRequest) as caught:
        diff_documents("a: [", "a: 1")
    assert caught.value.code == 710000


documents = st.dictionaries(
    st.sampled_from(["name", "azs", "update", "properties"]),
    st.recursive(
        st.integers() | st.booleans() | st.text("ab: -#", max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "x"]), inner, max_size=2),
        max_leaves=6,
    ),
)


@given(documents, documents)
def test_equal_documents_have_no_diff_and_others_have(old: dict[str, object], new: dict[str, object]) -> None:
    import json

    assert diff_documents(json.dumps(old), json.dumps(old)) == []
    lines = diff_documents(json.dumps(old), json.dumps(new))
    assert all("\n" not in text and status in (None, "added", "removed") for text, status in lines)
    back = diff_documents(json.dumps(new), json.dumps(old))
    assert len([1 for _, status in lines if status == "added"]) == len([1 for _, status in back if status == "removed"])
