"""No request whatsoever may cause a 500, nor leave the connection without an answer."""

from __future__ import annotations

import itertools
import json
import os
import random
from collections.abc import Iterator
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2 as httpx
import pytest
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from director.api.app import create_app
from director.api.desk import Desk
from tests.contract.api.served import USERS, Client, Served, shop

T = TypeVar("T")

SEGMENTS = [
    *(
        "0",
        "1",
        "-1",
        "999999999999999999999",
        "x",
        "front",
        "shop",
        "*",
        "²",
        "٣",
        "a b",
        "%",
        "..",
        ".",
        "'",
        '"',
        ";",
    ),
    *("\x00", "\n", "\r\nX: y", "\ud7ff", "😀", "a" * 3000, "null", "true", "1e9", "0x1", "{}", "[]", "<script>", "\\"),
]
QUERIES = [
    *("limit", "state", "verbose", "deployment", "context_id", "type", "name", "version", "canaries", "max_in_flight"),
    *("context", "recreate_vms_created_before", "skip_drain", "before_id", "before_time", "after_time", "task", "user"),
    *("instance", "action", "object_type", "object_name", "sha1", "format", "filters", "redact", "latest", "orphan"),
    *("release_name", "fingerprint", "remove_all", "deployment[]", "recreate", "fix", "force", "follow", "rebase"),
]
VALUES = [
    "",
    "0",
    "-1",
    "1",
    "9" * 40,
    "²",
    "1.5",
    "NaN",
    "x",
    "true",
    "%",
    "{",
    "[]",
    "\x00",
    "a,b,,",
    "😀",
    "5%",
    "2026-01-01",
]
BODIES: list[bytes] = [
    b"",
    b"null",
    b"5",
    b"[]",
    b"{}",
    b'"x"',
    b"[" * 20000,
    b'{"a":' * 20000,
    b"\xff\xfe\x00",
    b"\x00",
    b'"\\ud800"',
    b"1e999",
    b"9" * 5000,
    b"--- [",
    b"name: shop",
    b"name: shop\ninstance_groups: 5",
    b"name: shop\nreleases: [[[]]]\nstemcells: {}\nupdate: x\ninstance_groups: [5, {}, []]",
    b"name: &a [*a]",
    b"a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nname: shop\nd: [*c,*c,*c]",
    b"? {a: b}\n: c",
    b"name: !!python/object/apply:os.system [true]",
    b"name: shop\n<<: 5",
    b"%YAML 9.9\n---\nname: shop",
    b"name: '\xf0\x9f\x98\x80'",
    b"name: '((x))'\ninstance_groups: []",
    json.dumps({"states": 5, "types": {}, "deployment": []}).encode(),
    json.dumps({"type": "cloud", "name": "x" * 5000, "content": "azs: [5]"}).encode(),
    json.dumps({"type": "cloud", "name": "x", "content": "a: [", "expected_latest_id": {}}).encode(),
    json.dumps({"from": 5, "to": []}).encode(),
    json.dumps({"from": {"id": 5}, "to": {"id": []}}).encode(),
    json.dumps({"from": {"content": 5}, "to": {"content": "x"}}).encode(),
    json.dumps({"target": [], "command": [], "params": 5}).encode(),
    json.dumps({"command": "setup", "target": {"ids": [{}], "job": {}}, "params": {"a": []}}).encode(),
    json.dumps({"resolutions": {"": {}}, "jobs": {"": [None]}, "config": []}).encode(),
    json.dumps({"location": "http://127.0.0.1:1/\n", "sha1": []}).encode(),
    json.dumps({"location": "http://xn--a/" + "x" * 5000}).encode(),
    json.dumps({"instances": [{"group": [], "id": {}}], "keep-alive": []}).encode(),
    json.dumps({"action": "a", "object_type": "b", "object_name": "c", "timestamp": [], "context": 1}).encode(),
    json.dumps({"action": "a", "object_type": "b", "object_name": "c", "timestamp": "1e400"}).encode(),
    json.dumps({"stemcell": {"name": [], "version": {}}}).encode(),
    json.dumps({"ignore": 1, "resurrection_paused": 1}).encode(),
]
KINDS = [
    *(
        "application/json",
        "text/yaml",
        "application/x-compressed",
        "multipart/form-data; boundary=b",
        "",
        "x",
        ";",
        "a/b;" * 50,
    ),
]


def some(chance: random.Random, choices: list[T], most: int) -> list[T]:
    """As many as a quick run may try, another choice for each route; all of them with ``MERISTEM_FUZZ=all``."""
    return choices if os.environ.get("MERISTEM_FUZZ") == "all" else chance.sample(choices, most)


def routes(served: Served) -> list[tuple[str, str]]:
    """(method, path template) of every route."""
    app = create_app(Desk(served.house, served.runner, USERS))
    found: list[tuple[str, str]] = []

    def collect(holder: Any) -> None:
        for route in holder.routes:
            if isinstance(route, APIRoute):
                found.extend((method, route.path) for method in route.methods)
            elif hasattr(route, "original_router"):
                collect(route.original_router)

    collect(app)
    return sorted(found)


def filled(template: str, segments: Iterator[str]) -> str:
    parts = [quote(next(segments), safe="") if part.startswith("{") else part for part in template.split("/")]
    return "/".join(parts)


def ask(client: Client, method: str, path: str, **more: Any) -> httpx.Response | None:
    """The answer, None when the client itself refuses to send such a thing."""
    try:
        with client.http.stream(method, path, **more) as answer:
            for _ in answer.iter_raw():
                break
    except (httpx.InvalidURL, httpx.LocalProtocolError, UnicodeError):
        return None
    assert answer.status_code < 500, f"{method} {path[:200]} {str(more)[:400]}: {answer.status_code}"
    return answer


def test_there_are_routes(served: Served) -> None:
    assert len(routes(served)) > 60
    assert ("POST", "/deployments") in routes(served)


def test_every_route_with_strange_bodies(deployed: Client, served: Served) -> None:
    chance = random.Random(7)
    for method, template in routes(served):
        for body in some(chance, BODIES, 12):
            kind = chance.choice(KINDS[:2])
            segments = itertools.repeat(chance.choice(["shop", "front", "0", "1", "smoke"]))
            path = filled(template, segments)
            if (method, path.split("/")[1]) == ("DELETE", "deployments"):
                continue
            ask(deployed, method, path, content=body, headers={"content-type": kind})
            if method == "GET":
                break


def test_every_route_with_strange_segments(deployed: Client, served: Served) -> None:
    chance = random.Random(8)
    for method, template in routes(served):
        if "{" not in template:
            continue
        for segment in some(chance, SEGMENTS, 12):
            path = filled(template, itertools.repeat(segment))
            if method == "DELETE" and segment in ("shop", "*"):
                continue
            ask(deployed, method, path, content=b"{}", headers={"content-type": "application/json"})
            ask(deployed, method, path, content=b"", headers={"content-type": "text/yaml"})


def test_every_route_with_strange_queries(deployed: Client, served: Served) -> None:
    chance = random.Random(7)
    for method, template in routes(served):
        if method == "DELETE":
            continue
        path = filled(template, itertools.cycle(["shop", "front", "0"]))
        for value in some(chance, VALUES, 4):
            query = dict.fromkeys(QUERIES, value)
            ask(deployed, method, path, params=query, content=b"name: shop", headers={"content-type": "text/yaml"})
            ask(deployed, method, path, params=query, content=b"{}", headers={"content-type": "application/json"})
        if method == "GET":
            for name in some(chance, QUERIES, 8):
                ask(deployed, method, path, params={name: chance.choice(VALUES)})


HEADERS = st.dictionaries(
    st.sampled_from(
        ["range", "authorization", "x-bosh-context-id", "content-type", "content-length", "if-range", "accept"]
    ),
    st.one_of(
        st.sampled_from(
            [b"bytes=0-0,5-9", b"bytes=--1", b"Basic ", b"bearer x", b"\xff\xfe", b"-1", b"bytes=1-0", b"*"]
        ),
        st.binary(max_size=40).filter(lambda one: not set(one) & set(b"\r\n\0")),
    ),
    max_size=3,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    *(
                        "type",
                        "name",
                        "content",
                        "from",
                        "to",
                        "id",
                        "states",
                        "types",
                        "deployment",
                        "target",
                        "command",
                    ),
                    *(
                        "params",
                        "resolutions",
                        "jobs",
                        "config",
                        "location",
                        "sha1",
                        "instances",
                        "group",
                        "stemcell",
                        "version",
                    ),
                    *("ignore", "action", "object_type", "object_name", "timestamp", "context", "expected_latest_id"),
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW, derandomize=True)
@given(data=st.data())
def test_random_requests(deployed: Client, served: Served, data: st.DataObject) -> None:
    method, template = data.draw(st.sampled_from(routes(served)))
    segments = data.draw(st.lists(st.one_of(st.sampled_from(SEGMENTS), st.text(max_size=8)), min_size=4, max_size=4))
    path = filled(template, itertools.cycle(one.encode("utf-8", "replace").decode() for one in segments))
    if method == "DELETE" and path.startswith("/deployments"):
        return
    headers = {key.encode(): value for key, value in data.draw(HEADERS).items()}
    body = data.draw(
        st.one_of(JSON.map(lambda one: json.dumps(one).encode()), st.sampled_from(BODIES), st.binary(max_size=60))
    )
    query = data.draw(
        st.dictionaries(st.sampled_from(QUERIES), st.one_of(st.sampled_from(VALUES), st.text(max_size=8)), max_size=3)
    )
    query = {key: value.encode("utf-8", "replace").decode() for key, value in query.items()}
    query.pop("follow", None)
    headers.setdefault(b"content-type", data.draw(st.sampled_from(KINDS)).encode())
    headers.pop(b"content-length", None)
    ask(deployed, method, path, params=query, content=body, headers=headers)


YAML_WORDS = [
    "name",
    "instance_groups",
    "releases",
    "stemcells",
    "update",
    "jobs",
    "networks",
    "azs",
    "variables",
    "addons",
    "features",
]
TREE = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["shop", "front", "z1", "((x))", "", "a b", "5%"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(YAML_WORDS), inner, max_size=5),
    max_leaves=15,
)


@settings(max_examples=120, deadline=None, suppress_health_check=SLOW, derandomize=True)
@given(
    tree=TREE,
    place=st.sampled_from(
        ["/deployments/shop/diff", "/deployments/shop/plan", "/cloud_configs/diff", "/runtime_configs"]
    ),
)
def test_random_manifests(deployed: Client, tree: Any, place: str) -> None:
    document = {**shop(), **tree} if isinstance(tree, dict) else tree
    text = json.dumps(document).encode()
    answer = ask(deployed, "POST", place, content=text, headers={"content-type": "text/yaml"})
    assert answer is not None


def test_every_task_of_it_ended_in_good_order(deployed: Client, served: Served) -> None:
    """What all this made failed with an error of ours, never with one of the language's."""
    deadline = 600
    while deployed.get("/tasks", state="queued,processing,cancelling", verbose="2") and deadline:
        deadline -= 1
        served.on_loop(pause())
    for task in deployed.get("/tasks", verbose="2", state="error"):
        last = deployed.events(task["id"])[-1]
        debug = deployed.output(task["id"], "debug")
        assert "Traceback" not in debug, f"{task}\n{debug[-3000:]}"
        assert last["error"]["message"]


async def pause() -> None:
    import asyncio

    await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    "raw", [b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x00", b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n"]
)
def test_what_is_no_http(served: Served, raw: bytes) -> None:
    import socket

    with socket.create_connection(("127.0.0.1", served.port), 60) as connection:
        connection.sendall(raw)
        connection.settimeout(60)
        answer = connection.recv(4096)
    assert not answer.startswith(b"HTTP/1.1 5")
