"""/configs and the older paths (director API §7)."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.contract.api.served import Client
from tests.e2e.loopback.shop import cloud_config


def save(admin: Client, type: str, name: str, document: Any, **more: Any) -> dict[str, Any]:
    answer = admin("POST", "/configs", json={"type": type, "name": name, "content": yaml.safe_dump(document), **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_versions(admin: Client) -> None:
    one = save(admin, "deploy", "default", {"a": 1})
    assert set(one) == {"id", "type", "name", "content", "created_at", "team", "current"}
    assert one["id"].isdigit() and isinstance(one["id"], str)
    assert one["created_at"].endswith(" UTC")
    assert save(admin, "deploy", "default", {"a": 1})["id"] == one["id"], "equal content is no new version"
    two = save(admin, "deploy", "default", {"a": 2})
    assert int(two["id"]) > int(one["id"])
    save(admin, "deploy", "another", {"b": 1})
    assert [row["name"] for row in admin.get("/configs", type="deploy")] == ["default", "another"]
    rows = admin.get("/configs", type="deploy", name="default", limit="5")
    assert [(row["id"], row["current"]) for row in rows] == [(two["id"], True), (one["id"], False)]
    assert len(admin.get("/configs", type="deploy", latest="false")) == 3
    assert [row["id"] for row in admin.get("/configs", type="deploy", name="default", latest="true")] == [two["id"]]
    assert admin.get(f"/configs/{one['id']}")["current"] is False


def test_optimistic_lock(admin: Client) -> None:
    answer = admin(
        "POST", "/configs", json={"type": "t", "name": "lock", "content": "a: 1", "expected_latest_id": "99"}
    )
    assert answer.status_code == 412
    assert answer.json()["latest_id"] == "0"
    assert answer.json()["expected_latest_id"] == "99"
    assert answer.json()["description"] == "Latest Id: '0' does not match expected latest id"
    row = save(admin, "t", "lock", {"a": 1}, expected_latest_id="0")
    save(admin, "t", "lock", {"a": 2}, expected_latest_id=row["id"])
    assert (
        admin(
            "POST", "/configs", json={"type": "t", "name": "lock", "content": "a: 3", "expected_latest_id": row["id"]}
        ).status_code
        == 412
    )


def test_diff(admin: Client) -> None:
    body = {"type": "t", "name": "diff", "content": "a: 1\nb: x\n"}
    answer = admin("POST", "/configs/diff", json=body).json()
    assert answer["from"] == {"id": "0"}
    assert [line for line in answer["diff"] if line[0]] == [["a: 1", "added"], ["b: x", "added"]]
    row = save(admin, "t", "diff", {"a": 1, "b": "x"})
    answer = admin("POST", "/configs/diff", json={**body, "content": "a: 2\nb: x\n"}).json()
    assert answer["from"] == {"id": row["id"]}
    assert ["a: 1", "removed"] in answer["diff"] and ["a: 2", "added"] in answer["diff"]
    other = save(admin, "t", "diff", {"a": 5})
    answer = admin("POST", "/configs/diff", json={"from": {"id": row["id"]}, "to": {"id": other["id"]}}).json()
    assert ["a: 5", "added"] in answer["diff"]
    answer = admin("POST", "/configs/diff", json={"from": {"content": "a: 1"}, "to": {"content": "a: 1"}}).json()
    assert all(status is None for _, status in answer["diff"])
    assert admin.error("POST", "/configs/diff", json={"from": {"id": "99999"}, "to": {"id": row["id"]}})[:2] == (
        404,
        440012,
    )
    answer = admin("POST", "/configs/diff", json={**body, "content": "a: ["})
    assert (answer.status_code, answer.json()["diff"]) == (400, [])
    assert "Invalid YAML" in answer.json()["error"]


def test_deletes_are_soft(admin: Client) -> None:
    row = save(admin, "t", "gone", {"a": 1})
    again = save(admin, "t", "gone", {"a": 2})
    assert admin("DELETE", f"/configs/{again['id']}").status_code == 204
    assert admin("DELETE", f"/configs/{again['id']}").status_code == 404
    assert admin.error("GET", f"/configs/{again['id']}")[:2] == (404, 440012)
    assert admin.get("/configs", type="t", name="gone")[0]["id"] == row["id"]
    assert admin("DELETE", "/configs", params={"type": "t", "name": "gone"}).status_code == 204
    assert admin("DELETE", "/configs", params={"type": "t", "name": "gone"}).status_code == 404
    assert admin.get("/configs", type="t", name="gone") == []
    assert admin.error("DELETE", "/configs", params={"type": "t"})[:2] == (400, 440010)


@pytest.mark.parametrize("id", ["0", "x", "-1", "²", "9" * 40, "1e3"])
def test_unknown_ids(admin: Client, id: str) -> None:
    assert admin.error("GET", f"/configs/{id}")[:2] == (404, 440012)
    assert admin("DELETE", f"/configs/{id}").status_code == 404


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "'type'"),
        ({"type": "t"}, "'name'"),
        ({"type": "t", "name": "n"}, "'content'"),
        ({"type": "t", "name": "n", "content": 5}, "'content'"),
        ({"type": [], "name": "n", "content": "a: 1"}, "'type'"),
        ({"type": "t", "name": "n", "content": "- a"}, "hash"),
        ({"type": "cloud", "name": "n", "content": "azs: 5"}, "azs"),
        ({"type": "cloud", "name": "n", "content": "networks: [{}]"}, "name"),
        ({"type": "runtime", "name": "n", "content": "releases: {}"}, "releases"),
        ({"type": "cpi", "name": "n", "content": "cpis: [5]"}, "cpis"),
    ],
)
def test_bad_configs(admin: Client, body: dict[str, Any], word: str) -> None:
    status, _, text = admin.error("POST", "/configs", json=body)
    assert status == 400
    assert word in text


def test_older_paths(admin: Client) -> None:
    assert admin.yaml("POST", "/cloud_configs", cloud_config()).status_code == 201
    (row,) = admin.get("/cloud_configs", limit="1")
    assert yaml.safe_load(row["properties"]) == cloud_config()
    assert admin.error("GET", "/cloud_configs")[:2] == (400, 40001)
    answer = admin.yaml(
        "POST", "/cloud_configs/diff", {**cloud_config(), "azs": [{"name": "z1"}, {"name": "z2"}]}
    ).json()
    assert ["- name: z2", "added"] in [[text.strip(), status] for text, status in answer["diff"]]
    assert admin.yaml("POST", "/runtime_configs", {"tags": {"a": "b"}}, name="extra").status_code == 201
    assert admin.get("/runtime_configs", limit="1") == []
    assert admin.get("/runtime_configs", limit="1", name="extra")[0]["properties"].startswith("tags:")
