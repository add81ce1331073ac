"""A plugin of ours as a one-shot executable, and its settings and redaction."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cpi import redact, settings

ROOT = Path(__file__).resolve().parents[3]
PLUGIN = "tests.unit.cpi.ledger_cloud"


def run(text: str, *options: str) -> tuple[dict, str]:
    done = subprocess.run(
        [sys.executable, "-m", "cpi.exec", PLUGIN, *options], input=text, cwd=ROOT, capture_output=True, text=True,
        timeout=30,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def request(method, arguments, context, **more):
    return json.dumps({"method": method, "arguments": arguments, "context": context, **more})


def test_results_by_api_version(tmp_path):
    context = {"dir": str(tmp_path), "director_uuid": "u", "request_id": "cpi-1"}
    answer, _ = run(request("create_stemcell", ["/i", {}], context))
    assert (answer["error"], answer["log"]) == (None, "")
    arguments = ["agent", answer["result"], {}, {"n": {"type": "dynamic"}}, [], {}]
    first, _ = run(request("create_vm", arguments, context))
    second, _ = run(request("create_vm", arguments, context, api_version=2))
    assert isinstance(first["result"], str)
    assert [type(item) for item in second["result"]] == [str, dict]


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("", "InvalidCall", "not JSON"),
        ("[1]", "InvalidCall", "must be a hash"),
        ('{"arguments": []}', "InvalidCall", "key 'method' must be a string"),
        ('{"method": "info"}', "InvalidCall", "key 'arguments' must be an array"),
        ('{"method": "info", "arguments": [], "context": 3}', "InvalidCall", "'context' must be a hash"),
        ('{"method": "warp", "arguments": []}', "Bosh::Clouds::NotImplemented", "does not implement 'warp'"),
        ('{"method": "delete_vm", "arguments": []}', "InvalidCall", "takes 1 arguments"),
        ('{"method": "delete_vm", "arguments": ["v"]}', "Bosh::Clouds::CpiError", "KeyError"),
    ],
)
def test_errors_are_answers(text, kind, words):
    answer, _ = run(text)
    assert answer["result"] is None
    assert answer["error"]["type"] == kind
    assert words in answer["error"]["message"]
    assert answer["error"]["ok_to_retry"] is False
    assert answer["log"] == ""


def test_what_the_plugin_prints_spoils_nothing_and_tells_no_secret(tmp_path):
    context = {"dir": str(tmp_path), "password": "s3cretpw"}
    answer, errors = run(request("create_disk", [1, {"say": "uses s3cretpw"}], context))
    assert answer["result"].startswith("disk-")
    assert "uses <redacted>" in errors


def test_the_configuration_file(tmp_path):
    config = tmp_path / "cpi.json"
    config.write_text(json.dumps({"cloud": {"plugin": PLUGIN, "properties": {PLUGIN: {"dir": str(tmp_path / "c")}}}}))
    answer, _ = run(request("create_disk", [1, {}], {}), "--config", str(config))
    assert (tmp_path / "c" / "disk" / f"{answer['result']}.json").exists()
    answer, _ = run(request("create_disk", [1, {}], {}), "--config", str(tmp_path / "none.json"))
    assert "none.json: cannot be read: No such file" in answer["error"]["message"]


def test_settings_are_merged_deep_and_lists_replaced():
    base = {"agent": {"mbus": "old", "ntp": ["a", "b"]}, "uri": "x"}
    over = {"agent": {"mbus": "new", "ntp": ["c"]}, "memory": 5}
    assert settings.merge(base, over) == {"agent": {"mbus": "new", "ntp": ["c"]}, "uri": "x", "memory": 5}
    assert base["agent"]["mbus"] == "old"
    context = {"director_uuid": 1, "request_id": 2, "vm": {}, "key": "k", "uri": "y"}
    assert settings.of_context(context) == {"uri": "y"}


def test_requests_are_logged_by_the_public_rule():
    arguments = [
        "agent", "stemcell", {"memory": 5, "nested": [{"a": "b"}]},
        {"n": {"type": "manual", "ip": "10.0.0.1", "cloud_properties": {"net_id": "x"}}}, ["d"],
        {"bosh": {"group": "g", "groups": ["h"], "tags": {"t": "u"}, "password": "p", "mbus": {"cert": {"k": "v"}}}, "x": "y"},
    ]  # fmt: skip
    shown = redact.request("create_vm", arguments, {"request_id": "r", "auth_url": "http://x", "director_uuid": "u"})
    mark = redact.MARK
    assert shown == {
        "method": "create_vm",
        "arguments": [
            "agent", "stemcell", {"memory": mark, "nested": [{"a": mark}]},
            {"n": {"type": "manual", "ip": "10.0.0.1", "cloud_properties": {"net_id": mark}}}, ["d"],
            {"bosh": {"group": "g", "groups": ["h"], "tags": {"t": "u"}, "password": mark, "mbus": {"cert": {"k": mark}}},
             "x": mark},
        ],
        "context": {"request_id": "r", "auth_url": mark, "director_uuid": "u"},
    }  # fmt: skip
    assert redact.request("create_disk", [5, {"type": "ssd"}, "vm"], {})["arguments"] == [5, {"type": mark}, "vm"]
    assert redact.request("delete_vm", ["vm"], {})["arguments"] == ["vm"]


def test_secrets_are_found_wherever_they_stand():
    key = "-----BEGIN RSA PRIVATE KEY-----\nabcdefgh\nijklmnop\n-----END RSA PRIVATE KEY-----\n"
    document = {
        "mbus": "nats://joe:hunter22@host", "env": [{"private_key": key}], "api_key": "k3yk3y", "name": "plain",
        "nested": {"credentials": {"user": "someone"}}, "token": "abc",
    }  # fmt: skip
    known = redact.secrets(document)
    assert {"hunter22", "k3yk3y", "someone", "abcdefgh", "ijklmnop", key} <= known
    assert not {"plain", "abc", "nats://joe:hunter22@host"} & known
    assert redact.scrub("line abcdefgh, k3yk3y, plain", known) == "line <redacted>, <redacted>, plain"
    assert "abcd" not in redact.scrub(f"before {key} after", frozenset())
    assert redact.scrub("go to ftp://me:word@h/", frozenset()) == "go to ftp://me:<redacted>@h/"
