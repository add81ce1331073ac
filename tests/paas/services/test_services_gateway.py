"""A gateway over real PostgreSQL and a real bus, with nodes as processes: the broker's rules, placement, deaths in between."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from lab.ports import free_port
from tests.contract.store.postgres_server import PostgresServer
from tests.paas.bus.nats_server import NatsServer
from tests.paas.database.database_place import own_database
from tests.paas.services.component import Component, eventually
from tests.paas.services.folders import folders
from tests.paas.services.platform import PASSWORD, USER, Platform

SECRET = "a-secret-of-the-gateway-for-credentials"


@pytest.fixture(scope="module")
def nodes(place: Path, nats: NatsServer) -> Iterator[dict[str, Component]]:
    made = {"n1": folders(place, nats, "n1", 100), "n2": folders(place, nats, "n2", 60)}
    for one in made.values():
        one.start()
    yield made
    for one in made.values():
        one.stop()


@pytest.fixture(scope="module")
def gateway(
    place: Path, nats: NatsServer, postgres: PostgresServer, nodes: dict[str, Component]
) -> Iterator[Component]:
    with own_database(postgres) as database:
        port = free_port()
        plans = [
            {"name": "small", "description": "Ten", "size": 10},
            {"name": "large", "size": 55},
            {"name": "huge", "size": 1000},
            {"name": "broken", "size": 1, "limits": {"broken": 1}},
        ]
        config = {
            "label": "folders",
            "offering": {"name": "folders", "description": "Folders for apps", "tags": ["files"], "plans": plans},
            "listen": {"port": port},
            "credentials": {"username": USER, "password": PASSWORD},
            "bus": {"servers": [nats.url]},
            "database": msgspec.to_builtins(database),
            "secrets": [SECRET],
            "provision_seconds": 3,
            "bind_seconds": 3,
            "discover_seconds": 0.5,
            "lease_seconds": 4,
        }
        one = Component("paas.services.gateway", place, config, port)
        one.start()
        yield one
        one.stop()


@pytest.fixture(scope="module")
def platform(gateway: Component) -> Iterator[Platform]:
    one = Platform(gateway.config["listen"]["port"])
    yield one
    one.http.close()


@pytest.fixture
def id() -> str:
    return f"id-{secrets.token_hex(6)}"


def made(place: Path) -> set[str]:
    """Instances as NODE/NAME, as they are on the nodes."""
    return {f"{found.parts[-3]}/{found.name}" for found in place.glob("n*/made/*")}


def bound(place: Path) -> list[Path]:
    return list(place.glob("n*/made/*/*"))


def test_the_catalog(platform: Platform) -> None:
    (offering,) = platform.http.get("/v2/catalog").json()["services"]
    assert (offering["name"], offering["tags"], offering["bindable"]) == ("folders", ["files"], True)
    assert offering["instances_retrievable"] and offering["bindings_retrievable"]
    assert [plan["name"] for plan in offering["plans"]] == ["small", "large", "huge", "broken"]
    assert offering["plans"][0]["description"] == "Ten"


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        ({"Authorization": "Basic bm86bm8="}, 401, "does not know this user name"),
        ({"Authorization": "Basic %%%"}, 401, "does not know this user name"),
        ({"X-Broker-API-Version": ""}, 400, "X-Broker-API-Version is missing"),
        ({"X-Broker-API-Version": "3.0"}, 412, "speaks version 2.17"),
        ({"X-Broker-API-Version": "2.1"}, 412, "speaks version 2.17"),
        ({"X-Broker-API-Version": "x"}, 412, "speaks version 2.17"),
    ],
)
def test_who_is_not_let_in(platform: Platform, headers: dict[str, str], status: int, said: str) -> None:
    for path in ("/v2/catalog", "/v2/service_instances/x"):
        answer = platform.http.get(path, headers=headers)
        assert answer.status_code == status
        assert said in answer.json()["description"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("PUT", "/v2/service_instances/x", b"{", 400, "cannot be read"),
        ("PUT", "/v2/service_instances/x", b"[]", 400, "Expected `object`"),
        ("PUT", "/v2/service_instances/x", b"\xff", 400, "cannot be read"),
        ("PUT", "/v2/service_instances/x", b'{"service_id": "s"}', 400, "plan_id"),
        (
            "PUT",
            "/v2/service_instances/x",
            b'{"service_id": "s", "plan_id": "p"}',
            400,
            "no service 's' with a plan 'p'",
        ),
        ("PUT", "/v2/service_instances/x/service_bindings/b", b'{"service_id": "s"}', 400, "plan_id"),
        ("PUT", "/v2/service_instances/" + "x" * 300, b'{"service_id": "s", "plan_id": "p"}', 400, "no service"),
        ("DELETE", "/v2/service_instances/x", b"", 400, "service_id is missing"),
        ("DELETE", "/v2/service_instances/x/service_bindings/b?service_id=s", b"", 400, "plan_id is missing"),
        ("GET", "/v2/service_instances/x", b"", 404, "no service instance 'x'"),
        ("GET", "/v2/service_instances/x/service_bindings/b", b"", 404, "no service binding 'b'"),
        ("PATCH", "/v2/service_instances/x", b'{"service_id": "s"}', 404, "no service instance 'x'"),
        ("GET", "/v2/nothing", b"", 404, "has no GET /v2/nothing"),
        ("POST", "/v2/catalog", b"", 405, "has no POST /v2/catalog"),
        ("PUT", "/v2/service_instances/x", b"x" * 1_100_000, 400, "longer than"),
    ],
)
def test_refusals_say_what_is_wrong(
    platform: Platform, method: str, path: str, body: bytes, status: int, said: str
) -> None:
    answer = platform.http.request(method, path, content=body, headers={"X-Broker-API-Request-Identity": "q1"})
    assert answer.status_code == status, answer.text
    assert said in answer.json()["description"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["X-Broker-API-Request-Identity"] == "q1"


def test_the_life_of_an_instance(platform: Platform, place: Path, id: str) -> None:
    before = made(place)
    without = {**platform.ids(), "organization_guid": "o", "space_guid": "s"}
    refused = platform.http.put(f"/v2/service_instances/{id}", json=without)
    assert (refused.status_code, refused.json()["error"]) == (422, "AsyncRequired")

    first = platform.provision(id, context={"platform": "cloudfoundry"}, unknown="field")
    assert first.status_code == 202
    assert platform.ended(id)[:2] == (200, "succeeded")
    assert len(made(place) - before) == 1
    # again: the same is there, another is a conflict
    assert platform.provision(id).status_code == 200
    assert platform.provision(id, plan="large").status_code == 409
    assert platform.provision(id, space_guid="other").status_code == 409
    fetched = platform.http.get(f"/v2/service_instances/{id}")
    assert (fetched.status_code, fetched.json()) == (200, {**platform.ids(), "parameters": {}})

    new = platform.bind(id, "b1", bind_resource={"app_guid": "a"})
    assert new.status_code == 201
    assert set(new.json()["credentials"]) == {"username", "password"}
    again = platform.bind(id, "b1", app_guid="a")
    assert (again.status_code, again.json()) == (200, new.json())
    assert platform.bind(id, "b1", app_guid="another").status_code == 409
    assert (
        platform.http.get(f"/v2/service_instances/{id}/service_bindings/b1").json()["credentials"]
        == new.json()["credentials"]
    )
    assert len(bound(place)) == 1
    assert platform.unbind(id, "b1").status_code == 200
    assert bound(place) == []
    assert (platform.unbind(id, "b1").status_code, platform.unbind(id, "b1").json()) == (410, {})

    assert platform.deprovision(id, incomplete=False).json()["error"] == "AsyncRequired"
    removal = platform.deprovision(id)
    assert removal.status_code == 202
    assert platform.ended(id)[0] == 410
    assert made(place) == before
    assert (platform.deprovision(id).status_code, platform.deprovision(id).json()) == (410, {})
    assert platform.state(id, first.json()["operation"])[0] == 404


def test_what_this_service_does_not_do(platform: Platform, id: str) -> None:
    answer = platform.provision(id, parameters={"colour": "red"})
    assert (answer.status_code, answer.json()["description"]) == (
        400,
        "parameters.colour is not known; this service takes none.",
    )
    assert platform.bind(id, "b").status_code == 400
    platform.made(id)
    change = platform.http.patch(f"/v2/service_instances/{id}", json=platform.ids("large"))
    assert (change.status_code, "keeps its plan" in change.json()["description"]) == (422, True)
    same = platform.http.patch(f"/v2/service_instances/{id}", json={"service_id": platform.service, "context": {}})
    assert (same.status_code, same.json()) == (200, {})
    platform.gone(id)


def test_instances_go_to_the_node_with_most_room(platform: Platform, place: Path, id: str) -> None:
    before = made(place)
    platform.made(f"{id}1", "large")
    assert {one[:2] for one in made(place) - before} == {"n1"}
    platform.made(f"{id}2", "large")
    assert sorted(one[:2] for one in made(place) - before) == ["n1", "n2"]
    assert platform.provision(f"{id}3", "large").status_code == 202
    said = "No node has room for plan large; ask the operator for more nodes."
    assert platform.ended(f"{id}3") == (200, "failed", said)
    for number in (1, 2, 3):
        platform.gone(f"{id}{number}")
    assert made(place) == before


def test_what_a_node_cannot_make_fails_with_its_words_and_leaves_nothing(
    platform: Platform, nodes: dict[str, Component], place: Path, id: str
) -> None:
    assert platform.provision(id, "broken").status_code == 202
    assert platform.ended(id) == (200, "failed", "the folders are broken today")
    # the platform may try again under the same id
    assert platform.provision(id, "broken").status_code == 202
    assert platform.ended(id)[1] == "failed"
    platform.gone(id)
    eventually(lambda: not list(place.glob("n*/instances/*.sealed")), "the removal from the nodes' records")


def hold_up(place: Path, node: str) -> Path:
    gate = place / node / "wait"
    gate.touch()
    return gate


def test_while_an_operation_is_under_way(platform: Platform, place: Path, id: str) -> None:
    gate = hold_up(place, "n1")
    try:
        first = platform.provision(id, "small")
        assert first.status_code == 202
        again = platform.provision(id, "small")
        assert (again.status_code, again.json()) == (202, first.json())
        assert platform.provision(id, "large").status_code == 409
        assert platform.state(id, first.json()["operation"]) == (200, "in progress", "It is being made.")
        assert platform.http.get(f"/v2/service_instances/{id}").status_code == 404
        assert platform.bind(id, "b").json()["error"] == "ConcurrencyError"
        # it may be given up before it is made
        assert platform.deprovision(id).status_code == 202
        assert platform.provision(id, "small").status_code == 409
    finally:
        gate.unlink()
    assert platform.ended(id)[0] == 410
    eventually(lambda: not made(place), "the removal of what was being made")


def test_a_node_that_dies_in_the_middle_is_rid_of_the_remains_when_it_is_back(
    platform: Platform, nodes: dict[str, Component], place: Path, id: str
) -> None:
    gate = hold_up(place, "n1")
    try:
        assert platform.provision(id, "small").status_code == 202
        eventually(lambda: list(place.glob("n1/instances/*.sealed")), "the node's beginning")
        nodes["n1"].kill()
        assert platform.ended(id) == (200, "failed", "Node n1 did not answer; what it may have made will be removed.")
    finally:
        gate.unlink()
    # the next goes to the node that lives
    platform.made(f"{id}2", "small")
    assert {one[:2] for one in made(place)} == {"n2"}
    assert list(place.glob("n1/instances/*.sealed"))
    nodes["n1"].start()
    eventually(lambda: not list(place.glob("n1/instances/*.sealed")), "the removal of the orphan")
    assert platform.deprovision(id).status_code == 202
    platform.gone(f"{id}2")


def test_what_is_removed_while_its_node_is_away_goes_when_it_is_back(
    platform: Platform, nodes: dict[str, Component], place: Path, id: str
) -> None:
    platform.made(id)
    platform.made(f"{id}2", "large")
    one, other = bound(place), made(place)
    assert len(other) == 2 and one == []
    assert platform.bind(id, f"{id}b").status_code == 201
    owner = bound(place)[0].parts[-4]
    nodes[owner].stop()
    assert platform.bind(id, f"{id}c").status_code == 504
    assert platform.unbind(id, f"{id}b").status_code == 200
    platform.gone(id)
    assert len(bound(place)) == 1
    nodes[owner].start()
    eventually(lambda: not bound(place), "the removal")
    platform.gone(f"{id}2")
    eventually(lambda: not made(place), "the removal of all")


def test_a_binding_that_takes_too_long_is_made_anew(platform: Platform, place: Path, id: str) -> None:
    platform.made(id)
    (one,) = made(place)
    gate = hold_up(place, one[:2])
    try:
        late = platform.bind(id, f"{id}b")
        assert (late.status_code, "does not answer" in late.json()["description"]) == (504, True)
    finally:
        gate.unlink()
    new = platform.bind(id, f"{id}b")
    assert new.status_code == 201
    eventually(lambda: len(bound(place)) == 1, "the removal of the late one")
    assert platform.bind(id, f"{id}b").json() == new.json()
    platform.gone(id)


def test_a_killed_gateway_goes_on_where_it_was(
    platform: Platform, gateway: Component, place: Path, id: str, postgres: PostgresServer
) -> None:
    platform.made(f"{id}k")
    credentials = platform.bind(f"{id}k", f"{id}b").json()
    gate = hold_up(place, "n1")
    assert platform.provision(id).status_code == 202
    eventually(lambda: len(list(place.glob("n*/instances/*.sealed"))) == 2, "the node's beginning")
    gateway.kill()
    gate.unlink()
    gateway.start()
    assert platform.ended(id)[:2] == (200, "succeeded")
    assert len(made(place)) == 2
    assert platform.bind(f"{id}k", f"{id}b").json() == credentials
    # nothing of it is readable in the database or the log
    with postgres.connect() as connection:
        schema = gateway.config["database"]["url"].rpartition("%3D")[2]
        rows = connection.execute(f'SELECT b::text FROM "{schema}".bindings b').fetchall()
    password = credentials["credentials"]["password"]
    assert rows and password not in str(rows)
    assert password not in gateway.log.read_text()
    platform.gone(id)
    platform.gone(f"{id}k")
