"""Bindings and keys, and what apps are given of them."""

from __future__ import annotations

from typing import Any

from tests.paas.cloud_controller import tenants
from tests.paas.cloud_controller.controller import Controller
from tests.paas.cloud_controller.service_world import World, bind_error
from tests.paas.cloud_controller.tenants import to


async def test_bindings_and_keys(world: World, controller: Controller) -> None:
    admin = world.admin
    instance = (await world.instance())["guid"]
    app = await world.app()
    binding = await world.bind(app, instance, name="main", parameters={"ro": True})
    assert world.peer.asked("bind")[0]["body"]["bind_resource"]["app_guid"] == app
    again = await admin.fail(
        422,
        "POST",
        "/v3/service_credential_bindings",
        {"type": "app", "relationships": {"app": to(app), "service_instance": to(instance)}},
    )
    assert again["detail"] == "The app is already bound to the service instance"
    path = f"/v3/service_credential_bindings/{binding['guid']}"
    assert (await admin.get(f"{path}/parameters")) == {"ro": True}
    environment = (await admin.get(f"/v3/apps/{app}/env"))["system_env_json"]["VCAP_SERVICES"]
    entry = environment[f"{world.prefix}db"][0]
    assert (entry["name"], entry["binding_name"], entry["plan"]) == ("main", "main", "small")
    assert entry["credentials"]["password"] == f"secret of {binding['guid']}"
    assert entry["syslog_drain_url"] == "syslog://drain.test:514"
    listed = await admin.get(
        "/v3/service_credential_bindings", include="app,service_instance", service_instance_guids=instance
    )
    assert listed["included"]["apps"][0]["guid"] == app
    assert listed["included"]["service_instances"][0]["guid"] == instance
    key = {"type": "key", "name": "k1", "relationships": {"service_instance": to(instance)}}
    await admin.post("/v3/service_credential_bindings", key)
    found = await admin.get("/v3/service_credential_bindings", names="k1", type="key", service_instance_guids=instance)
    details = await admin.get(f"/v3/service_credential_bindings/{found['resources'][0]['guid']}/details")
    assert details["credentials"]["port"] == 5432
    twice = await admin.fail(422, "POST", "/v3/service_credential_bindings", key)
    assert "Key binding names must be unique" in twice["detail"]
    await admin.delete(path)
    assert (await admin.get(f"/v3/apps/{app}/env"))["system_env_json"]["VCAP_SERVICES"] == {}
    assert "secret of" not in controller.log.read_text()


async def test_a_binding_that_fails_leaves_nothing_at_the_broker(world: World) -> None:
    instance = (await world.instance())["guid"]
    world.peer.tell("bind", {"status": 201, "body": {"credentials": 7}})
    error = await bind_error(world, instance, 0)
    assert error["detail"].startswith("bind could not be completed: The service broker returned an invalid response")
    await world.until_asked("unbind")
    world.peer.tell("bind", {"status": 201, "body": {"credentials": {}, "volume_mounts": []}})
    app = await world.app()
    assert (await world.bind(app, instance))["last_operation"]["state"] == "succeeded"
    await world.admin.delete(f"/v3/apps/{app}")
    assert world.peer.state()["bindings"] == {}
    only = (await world.instance("only"))["guid"]
    assert (await bind_error(world, only))["detail"] == "Service plan does not allow bindings."


async def test_what_a_user_provides_is_given_to_apps(world: World) -> None:
    admin = world.admin
    body = {
        "type": "user-provided",
        "name": tenants.name("cups"),
        "credentials": {"url": "https://u:p@x.test"},
        "syslog_drain_url": "syslog://s.test:514",
        "tags": ["own"],
        "relationships": {"space": to(world.space)},
    }
    made = await admin.post("/v3/service_instances", body)
    path = f"/v3/service_instances/{made['guid']}"
    assert (await admin.get(f"{path}/credentials")) == {"url": "https://u:p@x.test"}
    app = await world.app()
    answer = await admin.ask(
        "POST",
        "/v3/service_credential_bindings",
        {"type": "app", "relationships": {"app": to(app), "service_instance": to(made["guid"])}},
    )
    assert answer.status_code == 201
    entry = (await admin.get(f"/v3/apps/{app}/env"))["system_env_json"]["VCAP_SERVICES"]["user-provided"][0]
    assert (entry["credentials"], entry["tags"]) == (body["credentials"], ["own"])
    await admin.patch(path, {"credentials": {"url": "other"}})
    entry = (await admin.get(f"/v3/apps/{app}/env"))["system_env_json"]["VCAP_SERVICES"]["user-provided"][0]
    assert entry["credentials"] == {"url": "other"}
    key = {"type": "key", "name": "k", "relationships": {"service_instance": to(made["guid"])}}
    assert (
        "not supported for user-provided"
        in (await admin.fail(422, "POST", "/v3/service_credential_bindings", key))["detail"]
    )
    assert (await admin.ask("DELETE", f"/v3/service_credential_bindings/{answer.json()['guid']}")).status_code == 204
    assert (await admin.ask("DELETE", path)).status_code == 204


async def test_a_manifest_binds_its_services(world: World) -> None:
    admin = world.admin
    made, slow = await world.instance(), await world.instance("slow")
    provided = {"type": "user-provided", "name": tenants.name("cups"), "relationships": {"space": to(world.space)}}
    await admin.post("/v3/service_instances", provided)

    async def apply(services: str) -> Any:
        manifest = f"applications:\n- name: shop\n  no-route: true\n  services: [{services}]\n"
        return await admin.ask(
            "POST",
            f"/v3/spaces/{world.space}/actions/apply_manifest",
            content=manifest.encode(),
            headers={"content-type": "application/x-yaml"},
        )

    names = f"{made['name']}, {provided['name']}, {{name: {slow['name']}, binding_name: later, parameters: {{a: 1}}}}"
    for _ in (1, 2):  # twice: what is bound stays
        await admin.job((await apply(names)).headers["location"])
        app = (await admin.get("/v3/apps", names="shop", space_guids=world.space))["resources"][0]["guid"]
        found = (await admin.get("/v3/service_credential_bindings", app_guids=app))["resources"]
        assert sorted((one["name"] or "", one["last_operation"]["state"]) for one in found) == [
            ("", "succeeded"),
            ("", "succeeded"),
            ("later", "succeeded"),
        ]
    asked = [one for one in world.peer.asked("bind") if one["body"]["plan_id"].endswith("slow-id")]
    assert [one["body"]["parameters"] for one in asked] == [{"a": 1}]
    failed = await admin.ended((await apply("nothing")).headers["location"])
    assert failed["errors"][0]["detail"].startswith("For application 'shop': Service instance 'nothing' not found")
