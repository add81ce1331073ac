"""Variables, certificates, links, disks, single VMs, events by page (director API §5, §8)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from director.model.rows import EventRow
from director.ports.store import Changes
from tests.contract.api.served import Client, Served, shop


@pytest.fixture(scope="module")
def variables(stocked: Client) -> Client:
    """Deployment `vars` with a certificate and a password in use."""
    document = shop("vars", greeting="((hello))", persistent_disk_type="small", instances=1)
    document["instance_groups"][0]["env"] = {"bosh": {"password": "((ca.certificate))"}}
    document["variables"] = [
        {"name": "hello", "type": "password"},
        {"name": "ca", "type": "certificate", "options": {"is_ca": True, "common_name": "ca", "duration": 30}},
    ]
    stocked.deploy(document)
    return stocked


def test_variables(variables: Client) -> None:
    rows = variables.get("/deployments/vars/variables")
    assert [one["name"] for one in rows] == ["/served/vars/ca", "/served/vars/hello"]
    assert all(isinstance(one["id"], str) for one in rows)
    used = variables.get(f"/deployed_variables/{quote('/served/vars/hello', safe='')}")
    assert used == {"deployments": [{"name": "vars", "version": rows[1]["id"]}]}
    assert variables.get("/deployed_variables/none") == {"deployments": []}


def test_certificates_of_a_deployment(variables: Client) -> None:
    (row,) = variables.get("/deployments/vars/certificate_expiry")
    assert set(row) == {"name", "id", "expiry_date", "days_left"}
    assert row["name"] == "/served/vars/ca"
    end = datetime.fromisoformat(row["expiry_date"])
    assert 28 <= (end - datetime.now(UTC)).days <= 30
    assert isinstance(row["days_left"], int)


def test_certificates_of_the_director(admin: Client, served: Served) -> None:
    assert admin.get("/director/certificate_expiry") == []
    now = datetime.fromtimestamp(served.clock.now(), UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "own")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=10, hours=1))
    path = served.directory / "own.pem"
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    (row,) = admin.get("/director/certificate_expiry")
    assert (row["certificate_path"], row["days_left"]) == (str(path), 10)
    path.write_text("no certificate")
    assert admin.get("/director/certificate_expiry") == []


def test_configs_of_deployments(variables: Client) -> None:
    (row,) = variables.get("/deployment_configs", **{"deployment[]": "vars"})
    assert (row["deployment"], row["config"]["type"], row["config"]["name"]) == ("vars", "cloud", "default")
    assert isinstance(row["id"], int) and isinstance(row["config"]["id"], int)
    assert variables.get("/deployment_configs") == []


def test_links(variables: Client) -> None:
    (provider,) = variables.get("/link_providers", deployment="vars")
    assert provider == {
        "id": provider["id"],
        "name": "backend",
        "shared": False,
        "deployment": "vars",
        "link_provider_definition": {"type": "web", "name": "backend"},
        "owner_object": {"type": "job", "name": "web", "info": {"instance_group": "front"}},
    }
    (consumer,) = variables.get("/link_consumers", deployment="vars")
    assert consumer == {
        "id": consumer["id"],
        "name": "backend",
        "optional": False,
        "deployment": "vars",
        "owner_object": {"type": "job", "name": "web", "info": {"instance_group": "front"}},
        "link_consumer_definition": {"name": "backend", "type": "web"},
    }
    (link,) = variables.get("/links", deployment="vars")
    assert (link["link_consumer_id"], link["link_provider_id"]) == (consumer["id"], provider["id"])
    assert all(isinstance(one, str) and one.isdigit() for one in (link["id"], consumer["id"], provider["id"]))
    for path in ("/link_providers", "/link_consumers", "/links"):
        assert variables.error("GET", path)[:2] == (400, 190024)
        assert variables.error("GET", path, params={"deployment": "none"})[:2] == (404, 70000)


def test_a_vm_by_its_cid(variables: Client, served: Served) -> None:
    (row,) = (one for one in variables.get("/deployments/vars/vms") if one["job"] == "front")
    task = variables.run("DELETE", f"/vms/{row['cid']}")
    assert (task["description"], task["result"]) == (f"delete vm {row['cid']}", f"vm {row['cid']} deleted")
    assert row["cid"] not in served.cloud.inventory.vms
    assert variables.get("/deployments/vars/vms") == []
    unknown = variables.run("DELETE", "/vms/none")
    assert any(one.get("type") == "warning" for one in variables.events(unknown["id"]))
    problem = variables.run("POST", "/deployments/vars/scans") and variables.get("/deployments/vars/problems")[0]
    variables.run("PUT", "/deployments/vars/problems", json={"resolutions": {str(problem["id"]): "recreate_vm"}})
    assert len(variables.get("/deployments/vars/vms")) == 1


def test_a_vm_that_no_row_tells_of(variables: Client, served: Served) -> None:
    from director.adapters.memory.inventory import Vm

    served.cloud.inventory.vms["stray"] = Vm("stray", "k", "a", "stemcell-1", {}, {})
    assert variables.run("DELETE", "/vms/stray")["result"] == "vm stray deleted"
    assert "stray" not in served.cloud.inventory.vms


def test_disks(variables: Client, served: Served) -> None:
    instance = variables.get("/deployments/vars/jobs/front/0")
    (cid,) = instance["disks"]
    for query in ({}, {"orphan": "true"}):
        id = variables.task("DELETE", f"/disks/{cid}", params=query)
        variables.wait(id, "error")
        assert variables.events(id)[-1]["error"]["code"] == 520000
    variables.run("DELETE", "/deployments/vars")
    (row,) = variables.get("/disks")
    assert row == variables.get("/orphan_disks")[0]
    assert set(row) == {
        *("disk_cid", "size", "az", "deployment_name", "instance_name", "cloud_properties", "orphaned_at"),
    }
    assert (row["disk_cid"], row["size"], row["deployment_name"]) == (cid, 64, "vars")
    assert row["instance_name"] == f"front/{instance['id']}"
    assert row["orphaned_at"].endswith(" UTC")
    would = variables.get("/cleanup/dryrun", remove_all="true")
    assert [one["disk_cid"] for one in would["orphaned_disks"]] == [cid]
    kept = variables.get("/cleanup/dryrun", remove_all="true", keep_orphaned_disks="true")
    assert kept["orphaned_disks"] == []
    assert {one["package_name"] for one in would["compiled_packages"]} == {"base", "greet"}
    variables.run("DELETE", f"/disks/{quote(cid, safe='')}")
    assert variables.get("/disks") == []
    assert cid not in served.cloud.inventory.disks
    id = variables.task("DELETE", "/disks/none")
    variables.wait(id, "error")
    done = variables.run("POST", "/cleanup", json={"config": {"remove_all": True, "keep_orphaned_disks": False}})
    assert "2 extra compiled package(s)" in json.loads(json.dumps(done["result"]))
    assert variables.get("/orphaned_vms") == []


def test_events_by_page(admin: Client, served: Served) -> None:
    base = 1_600_000_000
    rows = [
        EventRow(
            id=100_000 + i,
            timestamp=base + i,
            user="u",
            action="a",
            object_type="t",
            object_name="n",
            deployment="pages",
        )
        for i in range(450)
    ]
    served.on_loop(served.store.commit(Changes(put=rows)))

    def ids(**query: Any) -> list[int]:
        return [int(one["id"]) - 100_000 for one in admin.get("/events", deployment="pages", **query)]

    assert ids() == list(range(449, 249, -1))
    assert ids(before_id=str(100_250)) == list(range(249, 49, -1))
    assert ids(before_id=str(100_050)) == list(range(49, -1, -1))
    assert ids(before_time=str(base + 10)) == list(range(9, -1, -1)), "older than the newest page"
    assert ids(after_time=str(base + 447)) == [449, 448]
    moment = datetime.fromtimestamp(base + 447, UTC)
    assert ids(after_time=moment.isoformat()) == [449, 448]
    assert ids(after_time=moment.strftime("%Y-%m-%d %H:%M:%S UTC")) == [449, 448]
    for name in ("before_time", "after_time", "before_id"):
        for bad in ("x", "-", "9" * 400, "²", "2026-99-99", "nan", "inf"):
            status, _, text = admin.error("GET", "/events", params={name: bad})
            assert status == 400
            assert name in text


def test_events_of_monitors(admin: Client) -> None:
    body = {
        "action": "alert",
        "object_type": "vm",
        "object_name": "x",
        "deployment": "d",
        "instance": "g/i",
        "error": "it burns",
        "context": {"a": [1]},
        "timestamp": 1_700_000_123,
    }
    assert admin("POST", "/events", json=body).status_code == 200
    (event,) = admin.get("/events", action="alert")
    assert {key: event[key] for key in body} == body
    assert event["user"] == "admin"
    for bad in (
        {},
        [],
        {**body, "action": 5},
        {**body, "context": []},
        {**body, "timestamp": "soon"},
        {**body, "error": {}},
    ):
        assert admin.error("POST", "/events", json=bad)[0] == 400
    for id in ("0", "x", "²", "9" * 50):
        assert admin("GET", f"/events/{id}").status_code == 404
