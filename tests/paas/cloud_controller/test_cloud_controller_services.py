"""Service brokers, what they offer and to whom, and instances, against a broker that is a process of its own."""

from __future__ import annotations

import asyncio
import time

from tests.paas.cloud_controller import tenants
from tests.paas.cloud_controller.broker_peer import USER, BrokerProcess, catalog
from tests.paas.cloud_controller.client import Api
from tests.paas.cloud_controller.controller import Controller
from tests.paas.cloud_controller.keys_peer import KeysPeer
from tests.paas.cloud_controller.service_world import CREDENTIALS, World, bind_error, register
from tests.paas.cloud_controller.tenants import to


async def test_a_broker_is_registered_shown_changed_and_deleted(world: World) -> None:
    admin = world.admin
    offerings = await admin.get(
        "/v3/service_offerings", **{"names": f"{world.prefix}db", "fields[service_broker]": "name,guid"}
    )
    assert offerings["included"]["service_brokers"] == [{"name": world.name, "guid": world.broker}]
    offering = offerings["resources"][0]
    assert offering["tags"] == ["sql", "relational"]
    assert offering["documentation_url"] == "https://docs.test/db"
    assert offering["broker_catalog"]["features"]["bindings_retrievable"] is True
    plans = await admin.get(
        "/v3/service_plans",
        **{
            "available": "true",
            "include": "service_offering",
            "fields[service_offering.service_broker]": "name,guid",
            "per_page": "5000",
            "space_guids": world.space,
            "service_offering_names": f"{world.prefix}db",
        },
    )
    assert {one["name"] for one in plans["resources"]} == {"small", "large", "slow"}
    assert [one["name"] for one in plans["included"]["service_offerings"]] == [f"{world.prefix}db"]
    assert plans["included"]["service_brokers"] == [{"name": world.name, "guid": world.broker}]
    large = next(one for one in plans["resources"] if one["name"] == "large")
    assert large["costs"] == [{"currency": "EUR", "amount": 9.5, "unit": "MONTHLY"}]
    assert (large["free"], large["maintenance_info"]["version"]) == (False, "1.2.3")
    taken = await admin.fail(
        422,
        "POST",
        "/v3/service_brokers",
        {"name": world.name, "url": world.peer.url, "authentication": CREDENTIALS},
    )
    assert taken["detail"] == "Name must be unique"
    path = f"/v3/service_brokers/{world.broker}"
    await admin.patch(path, {"name": f"{world.name}-2"})
    assert (await admin.get(path))["name"] == f"{world.name}-2"
    wrong = {"authentication": {"type": "basic", "credentials": {"username": USER, "password": "no"}}}
    error = await admin.fail(0, "PATCH", path, wrong)
    assert error["title"] == "CF-ServiceBrokerApiAuthenticationFailed"
    await world.instance()
    used = await admin.fail(422, "DELETE", path)
    assert used["title"] == "CF-ServiceBrokerNotRemovable"
    instance = (await admin.get("/v3/service_instances", space_guids=world.space))["resources"][0]
    await admin.delete(f"/v3/service_instances/{instance['guid']}")
    await admin.delete(path)
    assert (await admin.fail(404, "GET", path))["detail"] == "Service broker not found"
    assert (await admin.get("/v3/service_plans", guids=world.plans["small"]))["resources"] == []


async def test_a_bad_catalog_names_all_faults_and_leaves_no_broker(admin: Api, service_broker: BrokerProcess) -> None:
    service_broker.reset()
    service_broker.set(catalog={"services": [{"name": "x", "bindable": 1}, {"id": "y", "name": "x"}]})
    body = {"name": tenants.name("bad"), "url": service_broker.url, "authentication": CREDENTIALS}
    error = await admin.fail(0, "POST", "/v3/service_brokers", body)
    assert error["title"] == "CF-ServiceBrokerCatalogInvalid"
    for words in ("id is required", "bindable must be a boolean", "At least one plan", "names must be unique"):
        assert words in error["detail"]
    assert (await admin.get("/v3/service_brokers", names=body["name"]))["resources"] == []


async def test_plans_that_leave_the_catalog_go_or_stay_while_they_are_used(world: World) -> None:
    await world.instance("small")
    document = catalog(world.prefix)
    db = document["services"][0]
    db["plans"] = [one for one in db["plans"] if one["name"] == "slow"]
    world.peer.set(catalog=document)
    answer = await world.admin.ask("PATCH", f"/v3/service_brokers/{world.broker}", {"url": world.peer.url})
    job = await world.admin.job(answer.headers["location"])
    assert f"{world.prefix}db: small" in job["warnings"][0]["detail"]
    left = await world.admin.get("/v3/service_plans", service_broker_guids=world.broker)
    assert {(one["name"], one["available"]) for one in left["resources"]} == {
        ("small", False),
        ("slow", True),
        ("only", True),
    }
    error = await world.admin.fail(422, "POST", "/v3/service_instances", world.wanted("small"))
    assert "has been removed from the service broker's catalog" in error["detail"]


async def test_an_instance_is_made_shown_changed_and_deleted(world: World) -> None:
    admin = world.admin
    made = await world.instance(parameters={"size": 3}, tags=["mine"])
    assert made["last_operation"]["state"] == "succeeded"
    assert made["dashboard_url"] == f"https://dashboard.test/{made['guid']}"
    asked = world.peer.asked("provision")[0]["body"]
    assert asked["parameters"] == {"size": 3}
    assert asked["context"]["instance_name"] == made["name"]
    assert asked["organization_guid"] == world.organization
    plan = "service_plan"
    shown = await admin.get(
        f"/v3/service_instances/{made['guid']}",
        **{
            "fields[space]": "guid,name,relationships.organization",
            "fields[space.organization]": "guid,name",
            f"fields[{plan}]": "name,guid,relationships.service_offering",
            f"fields[{plan}.service_offering]": "name,guid,description,documentation_url,tags,relationships.service_broker",
            f"fields[{plan}.service_offering.service_broker]": "name,guid",
        },
    )
    included = shown["included"]
    assert included["spaces"][0]["guid"] == world.space
    assert included["organizations"][0]["guid"] == world.organization
    assert included["service_plans"][0]["name"] == "small"
    assert included["service_offerings"][0]["tags"] == ["sql", "relational"]
    assert included["service_brokers"] == [{"name": world.name, "guid": world.broker}]
    path = f"/v3/service_instances/{made['guid']}"
    assert (await admin.get(f"{path}/parameters")) == {"size": 3}
    assert (await admin.get(f"{path}/relationships/shared_spaces"))["data"] == []
    taken = await admin.fail(422, "POST", "/v3/service_instances", world.wanted(name=made["name"]))
    assert taken["detail"].startswith("The service instance name is taken")
    renamed = await admin.patch(path, {"name": made["name"] + "-2", "tags": ["other"]})
    assert (renamed["name"], renamed["tags"]) == (made["name"] + "-2", ["other"])
    assert world.peer.asked("update") == []
    await admin.patch(path, {"relationships": {"service_plan": to(world.plans["large"])}, "parameters": {"size": 4}})
    after = await admin.get(path)
    assert after["relationships"]["service_plan"]["data"]["guid"] == world.plans["large"]
    assert (after["maintenance_info"]["version"], after["upgrade_available"]) == ("1.2.3", False)
    update = world.peer.asked("update")[0]["body"]
    assert update["plan_id"] == f"{world.prefix}large-id"
    assert update["previous_values"]["plan_id"] == f"{world.prefix}small-id"
    assert update["parameters"] == {"size": 4}
    await admin.delete(path)
    assert (await admin.fail(404, "GET", path))["detail"] == "Service instance not found"
    assert world.peer.state()["instances"] == {}


async def test_what_goes_on_in_the_background_is_polled_until_it_is_done(world: World) -> None:
    admin, peer = world.admin, world.peer
    peer.set(going=False)
    body = world.wanted("slow")
    answer = await admin.ask("POST", "/v3/service_instances", body)
    assert answer.status_code == 202
    await world.until_asked("operation", lambda one: one["query"]["operation"] == "making")
    assert (await admin.get(answer.headers["location"]))["state"] == "POLLING"
    row = (await admin.get("/v3/service_instances", names=body["name"]))["resources"][0]
    assert (row["last_operation"]["type"], row["last_operation"]["state"]) == ("create", "in progress")
    busy = await admin.fail(409, "PATCH", f"/v3/service_instances/{row['guid']}", {"name": "other"})
    assert busy["title"] == "CF-AsyncServiceInstanceOperationInProgress"
    peer.set(going=True)
    await admin.job(answer.headers["location"])
    app = await world.app()
    binding = await world.bind(app, row["guid"])
    assert binding["last_operation"]["state"] == "succeeded"
    details = await admin.get(f"/v3/service_credential_bindings/{binding['guid']}/details")
    assert details["credentials"]["password"] == f"secret of {binding['guid']}"
    # deleting the instance unbinds in the background, then deprovisions in the background
    await admin.delete(f"/v3/service_instances/{row['guid']}")
    assert (await admin.get("/v3/service_credential_bindings", app_guids=app))["resources"] == []
    state = peer.state()
    assert (state["instances"], state["bindings"]) == ({}, {})


async def test_what_the_broker_refuses_is_told_and_may_be_tried_again(world: World) -> None:
    admin, peer = world.admin, world.peer
    peer.tell("provision", {"status": 400, "body": {"description": "no such size"}})
    body = world.wanted()
    error = await admin.fail(0, "POST", "/v3/service_instances", body)
    assert error["title"] == "CF-UnableToPerform"
    assert "provision could not be completed: Service broker error: no such size" in error["detail"]
    assert world.name in error["detail"]
    row = (await admin.get("/v3/service_instances", names=body["name"]))["resources"][0]
    assert row["last_operation"]["state"] == "failed"
    assert "no such size" in row["last_operation"]["description"]
    await admin.post("/v3/service_instances", body)
    rows = (await admin.get("/v3/service_instances", names=body["name"]))["resources"]
    assert [one["last_operation"]["state"] for one in rows] == ["succeeded"]


async def test_an_orphan_is_removed_at_the_broker_however_often_it_must_be_asked(world: World) -> None:
    admin, peer = world.admin, world.peer
    peer.set(told={"provision": [{"status": 500, "raw": "oops"}], "deprovision": [{"status": 500}, {"status": 500}]})
    error = await admin.fail(0, "POST", "/v3/service_instances", world.wanted())
    assert "answered 500" in error["detail"]
    deadline = time.monotonic() + 30
    while len(peer.asked("deprovision")) < 3:
        assert time.monotonic() < deadline, "the orphan was not removed"
        await asyncio.sleep(0.05)
    # an answer of 4xx says that nothing was made
    peer.reset(world.prefix)
    peer.tell("provision", {"status": 409, "body": {}})
    await admin.fail(0, "POST", "/v3/service_instances", world.wanted())
    await world.instance()
    assert peer.asked("deprovision") == []


async def test_a_failed_background_operation_says_why(world: World) -> None:
    admin, peer = world.admin, world.peer
    peer.tell("operation", {"body": {"state": "failed", "description": "no machine left"}})
    body = world.wanted("slow")
    error = await admin.fail(0, "POST", "/v3/service_instances", body)
    assert "no machine left" in error["detail"]
    row = (await admin.get("/v3/service_instances", names=body["name"]))["resources"][0]
    assert row["last_operation"]["description"] == "no machine left"
    assert "Service instance not found" in (await bind_error(world, row["guid"]))["detail"]
    peer.tell("deprovision", {"status": 500, "body": {"description": "locked"}})
    refused = await admin.fail(0, "DELETE", f"/v3/service_instances/{row['guid']}")
    assert "locked" in refused["detail"]
    await admin.delete(f"/v3/service_instances/{row['guid']}")


async def test_plans_are_offered_to_whom_they_are_meant_for(
    world: World, controller: Controller, keys: KeysPeer
) -> None:
    admin, called = world.admin, tenants.name("dev")
    async with Api(controller.url, keys.token(called)) as user:
        for type, where in (("organization_user", world.organization), ("space_developer", world.space)):
            await tenants.role(admin, type, {"username": called, "origin": "uaa"}, where)
        path = f"/v3/service_plans/{world.plans['small']}"
        assert (await user.get(path))["name"] == "small"
        await admin.patch(f"{path}/visibility", {"type": "admin"})
        assert (await user.fail(404, "GET", path))["detail"] == "Service plan not found"
        wanted = world.wanted()
        assert "Invalid service plan" in (await user.fail(422, "POST", "/v3/service_instances", wanted))["detail"]
        given = {"type": "organization", "organizations": [{"guid": world.organization}]}
        await admin.post(f"{path}/visibility", given)
        shown = await user.get(f"{path}/visibility")
        assert [one["guid"] for one in shown["organizations"]] == [world.organization]
        await user.post("/v3/service_instances", wanted)
        assert (await user.fail(403, "PATCH", f"{path}/visibility", {"type": "public"}))["title"] == "CF-NotAuthorized"
        await admin.delete(f"{path}/visibility/{world.organization}")
        assert (await admin.get(f"{path}/visibility"))["type"] == "admin"
        # what is in use is still seen
        assert (await user.get(path))["name"] == "small"


async def test_a_broker_of_a_space_is_for_that_space(
    world: World, service_broker: BrokerProcess, controller: Controller, keys: KeysPeer
) -> None:
    admin, called = world.admin, tenants.name("dev")
    async with Api(controller.url, keys.token(called)) as user:
        for type, where in (("organization_user", world.organization), ("space_developer", world.space)):
            await tenants.role(admin, type, {"username": called, "origin": "uaa"}, where)
        body = {"name": "x", "url": service_broker.url, "authentication": CREDENTIALS}
        assert (await user.fail(403, "POST", "/v3/service_brokers", body))["title"] == "CF-NotAuthorized"
        guid, _ = await register(user, service_broker.url, relationships={"space": to(world.space)})
        plans = (await user.get("/v3/service_plans", service_broker_guids=guid))["resources"]
        assert {one["visibility_type"] for one in plans} == {"space"}
        elsewhere = await tenants.space(admin, world.organization)
        wanted = world.wanted()
        wanted["relationships"] = {"space": to(elsewhere["guid"]), "service_plan": to(plans[0]["guid"])}
        assert (
            "is not offered in this space" in (await admin.fail(422, "POST", "/v3/service_instances", wanted))["detail"]
        )


async def test_quotas_of_services_hold(world: World) -> None:
    admin = world.admin
    quota = await admin.post(
        "/v3/organization_quotas",
        {
            "name": tenants.name("quota"),
            "services": {"total_service_instances": 1, "paid_services_allowed": False, "total_service_keys": 0},
            "relationships": {"organizations": {"data": [{"guid": world.organization}]}},
        },
    )
    paid = await admin.fail(400, "POST", "/v3/service_instances", world.wanted("large"))
    assert paid["title"] == "CF-ServiceInstanceServicePlanNotAllowed"
    instance = await world.instance()
    full = await admin.fail(400, "POST", "/v3/service_instances", world.wanted())
    assert full["detail"] == "You have exceeded your organization's services limit."
    key = {"type": "key", "name": "k", "relationships": {"service_instance": to(instance["guid"])}}
    assert (
        "limit for service binding of type key"
        in (await admin.fail(422, "POST", "/v3/service_credential_bindings", key))["detail"]
    )
    assert quota["services"]["total_service_keys"] == 0


async def test_a_space_goes_with_its_services_or_says_why_not(world: World) -> None:
    admin, peer = world.admin, world.peer
    instance = await world.instance("slow")
    await world.bind(await world.app(), instance["guid"])
    peer.tell("unbind", {"status": 500, "body": {"description": "stuck"}})
    error = await admin.fail(0, "DELETE", f"/v3/spaces/{world.space}")
    assert error["title"] == "CF-SpaceDeletionFailed"
    assert "stuck" in error["detail"]
    await admin.delete(f"/v3/organizations/{world.organization}/")
    state = peer.state()
    assert (state["instances"], state["bindings"]) == ({}, {})
    assert (await admin.fail(404, "GET", f"/v3/spaces/{world.space}"))["detail"] == "Space not found"


async def test_a_killed_controller_goes_on_where_it_was(world: World, controller: Controller) -> None:
    world.peer.set(going=False)
    answer = await world.admin.ask("POST", "/v3/service_instances", world.wanted("slow"))
    await world.until_asked("operation")
    controller.kill()
    controller.start()
    world.peer.set(going=True)
    await world.admin.job(answer.headers["location"])
    assert len(world.peer.asked("provision")) == 1
