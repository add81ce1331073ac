"""The client of service brokers against a broker that answers well, badly, late or not at all."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from paas.cloud_controller.broker import errors
from paas.cloud_controller.broker.catalog import read_catalog
from paas.cloud_controller.broker.client import Binding, BrokerClient, Brokers, Instance

from lab.ports import free_port
from tests.paas.cloud_controller.broker_peer import PASSWORD, USER, BrokerProcess, broker_process

SMALL = Instance("i1", "db-id", "small-id")
SLOW = Instance("i2", "db-id", "slow-id")


@pytest.fixture(scope="module")
def peer() -> Iterator[BrokerProcess]:
    with broker_process() as one:
        yield one


@pytest.fixture
async def brokers(peer: BrokerProcess) -> AsyncIterator[Brokers]:
    peer.reset()
    one = Brokers(timeout=20)
    yield one
    await one.close()


@pytest.fixture
def client(peer: BrokerProcess, brokers: Brokers) -> BrokerClient:
    return brokers.client("mine", f"{peer.url}/", USER, PASSWORD, user="user-1")


async def test_a_service_is_made_bound_and_removed(client: BrokerClient, peer: BrokerProcess) -> None:
    assert [one.name for one in read_catalog(await client.catalog())] == ["db", "bare"]
    made = await client.provision(SMALL, {"parameters": {"size": 3}})
    assert made.done
    assert made.body.dashboard_url == "https://dashboard.test/i1"
    bound = await client.bind(Binding("b1", SMALL), {"parameters": {"ro": True}})
    assert bound.done
    assert bound.body.credentials["password"] == "secret of b1"
    assert (await client.fetch_binding(Binding("b1", SMALL))).parameters == {"ro": True}
    assert (await client.fetch_instance(SMALL)).parameters == {"size": 3}
    assert (await client.update(SMALL, {"parameters": {"size": 4}})).done
    assert (await client.unbind(Binding("b1", SMALL))).done
    assert (await client.deprovision(SMALL)).done
    asked = peer.asked("provision")[0]
    assert asked["query"] == {"accepts_incomplete": "true"}
    assert asked["body"] == {"service_id": "db-id", "plan_id": "small-id", "parameters": {"size": 3}}
    assert asked["headers"]["x-broker-api-version"] == "2.17"
    kind, who = asked["headers"]["x-broker-api-originating-identity"].split()
    assert (kind, json.loads(base64.b64decode(who))) == ("cloudfoundry", {"user_id": "user-1"})


async def test_what_goes_on_in_the_background_is_polled(client: BrokerClient, peer: BrokerProcess) -> None:
    peer.set(going=False)
    begun = await client.provision(SLOW, {})
    assert (begun.done, begun.operation) == (False, "making")
    assert (await client.instance_operation(SLOW, begun.operation)).state == "in progress"
    assert peer.asked("operation")[0]["query"]["operation"] == "making"
    peer.set(going=True)
    assert (await client.instance_operation(SLOW, begun.operation)).state == "succeeded"
    assert not (await client.deprovision(SLOW)).done
    assert (await client.instance_operation(SLOW, "removing")).gone
    peer.tell("operation", {"body": {"state": "in progress"}, "headers": {"retry-after": "7"}})
    assert (await client.instance_operation(SLOW, "")).retry_after == 7


async def test_what_is_gone_already_is_removed(client: BrokerClient) -> None:
    assert (await client.deprovision(SMALL)).done
    assert (await client.unbind(Binding("b9", SMALL))).done


BAD: list[tuple[str, dict[str, Any], type[errors.BrokerError], bool, str]] = [
    ("provision", {"status": 201, "raw": "no json"}, errors.MalformedError, True, "valid JSON object"),
    ("provision", {"status": 200, "raw": "no json"}, errors.MalformedError, False, "valid JSON object"),
    ("provision", {"status": 201, "raw": ""}, errors.MalformedError, True, "valid JSON object"),
    ("provision", {"status": 201, "raw": "\xff\xfe"}, errors.MalformedError, True, "valid JSON object"),
    ("provision", {"status": 201, "body": [1]}, errors.MalformedError, True, "got `array`"),
    ("provision", {"status": 201, "body": {"dashboard_url": 7}}, errors.MalformedError, True, "dashboard_url"),
    ("provision", {"status": 202, "body": {"operation": "x" * 10001}}, errors.MalformedError, True, "too long"),
    ("provision", {"status": 204, "raw": ""}, errors.FailedError, True, "invalid response"),
    ("provision", {"status": 500, "body": {"description": "disk full"}}, errors.FailedError, True, "disk full"),
    ("provision", {"status": 503, "raw": "<html>"}, errors.FailedError, True, "answered 503"),
    ("provision", {"status": 400, "body": {"description": "bad size"}}, errors.RejectedError, False, "bad size"),
    ("provision", {"status": 408, "body": {}}, errors.TimedOutError, True, "timed out"),
    ("provision", {"status": 409, "body": {}}, errors.ConflictError, False, "Resource conflict"),
    ("provision", {"status": 302, "headers": {"location": "/x"}}, errors.RejectedError, False, "redirects"),
    (
        "provision",
        {"status": 422, "body": {"error": "AsyncRequired"}},
        errors.AsyncRequiredError,
        False,
        "asynchronous",
    ),
    ("provision", {"status": 422, "body": {"error": "ConcurrencyError"}}, errors.BusyError, False, "in parallel"),
    (
        "provision",
        {"status": 422, "body": {"error": "MaintenanceInfoConflict"}},
        errors.MaintenanceConflictError,
        False,
        "maintenance_info",
    ),
    ("provision", {"status": 422, "body": {"description": "odd"}}, errors.RejectedError, False, "odd"),
    ("provision", {"status": 201, "drop": True}, errors.FailedError, True, "connection"),
    ("bind", {"status": 422, "body": {"error": "RequiresApp"}}, errors.AppRequiredError, False, "application only"),
    ("bind", {"status": 201, "body": {"credentials": "x"}}, errors.MalformedError, True, "credentials: Expected"),
    (
        "bind",
        {"status": 201, "body": {"volume_mounts": [{"driver": "nfs"}]}},
        errors.MalformedError,
        True,
        "volume_mounts",
    ),
    ("deprovision", {"status": 404, "body": {}}, errors.RejectedError, False, "rejected"),
    ("unbind", {"status": 201, "body": {}}, errors.FailedError, True, "200, 202 or 410"),
    ("operation", {"body": {"state": "dancing"}}, errors.MalformedError, False, "state"),
    ("operation", {"body": {}}, errors.MalformedError, False, "state"),
    ("operation", {"status": 404, "body": {}}, errors.RejectedError, False, "answered 404"),
    ("catalog", {"body": ["db"]}, errors.MalformedError, False, "got `array`"),
    ("catalog", {"status": 404, "raw": "not here"}, errors.RejectedError, False, "answered 404"),
]


@pytest.mark.parametrize(("kind", "answer", "fault", "orphaned", "words"), BAD)
async def test_a_bad_answer_is_an_error_that_says_what_was_expected(
    client: BrokerClient,
    peer: BrokerProcess,
    kind: str,
    answer: dict[str, Any],
    fault: type[errors.BrokerError],
    orphaned: bool,
    words: str,
) -> None:
    peer.tell(kind, answer)
    with pytest.raises(errors.BrokerError) as raised:
        await ask(client, kind)
    assert type(raised.value) is fault
    assert raised.value.orphaned is orphaned
    assert words in str(raised.value)
    assert f"service broker 'mine', {raised.value.asked.method} {peer.url}/v2/" in str(raised.value)


async def ask(client: BrokerClient, kind: str) -> Any:
    """One request of this kind."""
    binding = Binding("b1", SMALL)
    return await {
        "provision": lambda: client.provision(SMALL, {}),
        "bind": lambda: client.bind(binding, {}),
        "deprovision": lambda: client.deprovision(SMALL),
        "unbind": lambda: client.unbind(binding),
        "operation": lambda: client.instance_operation(SMALL, ""),
        "catalog": client.catalog,
    }[kind]()


async def test_a_malformed_bind_does_not_tell_the_credentials(client: BrokerClient, peer: BrokerProcess) -> None:
    peer.tell("bind", {"status": 201, "body": {"credentials": ["hunter2"]}})
    with pytest.raises(errors.MalformedError) as raised:
        await client.bind(Binding("b1", SMALL), {})
    assert "hunter2" not in str(raised.value)


async def test_a_wrong_password_and_a_broker_that_is_not_there(brokers: Brokers, peer: BrokerProcess) -> None:
    with pytest.raises(errors.UnauthorizedError, match="username and password"):
        await brokers.client("mine", peer.url, USER, "wrong").catalog()
    with pytest.raises(errors.UnreachableError) as raised:
        await brokers.client("away", f"http://127.0.0.1:{free_port()}", USER, PASSWORD).provision(SMALL, {})
    assert not raised.value.orphaned
    with pytest.raises(errors.UnreachableError):
        await brokers.client("away", "gopher://127.0.0.1", USER, PASSWORD).catalog()


async def test_a_broker_that_does_not_answer_in_time(peer: BrokerProcess) -> None:
    peer.reset()
    impatient = Brokers(timeout=0.3)
    peer.tell("provision", {"delay": 30})
    with pytest.raises(errors.TimedOutError, match=r"within 0\.3 s") as raised:
        await impatient.client("mine", peer.url, USER, PASSWORD).provision(SMALL, {})
    assert raised.value.orphaned
    await impatient.close()
