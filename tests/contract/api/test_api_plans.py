"""Sealed plans and reports over HTTP."""

from __future__ import annotations

import json

from tests.contract.api.served import Client, Served, shop


def test_a_report_of_a_deploy(deployed: Client, served: Served) -> None:
    tasks = deployed.get("/tasks", verbose="2")
    number = min(one["id"] for one in tasks if one["description"] == "create deployment")
    found = served.client("reader").get(f"/tasks/{number}/report")
    assert found["task"] == number
    assert found["critical_path"]["units"]
    assert {one["title"] for one in found["stages"]} >= {"Creating missing vms", "Updating instance"}
    upload = next(one["id"] for one in tasks if one["description"] == "create release")
    assert deployed.error("GET", f"/tasks/{upload}/report")[:2] == (404, 10000)
    assert served.client("nobody")("GET", f"/tasks/{number}/report").status_code == 401


def test_a_sealed_plan_over_http(deployed: Client, served: Served) -> None:
    text = shop(persistent_disk_type="small", greeting="sealed")
    document = deployed.yaml("POST", "/deployments/shop/plan", text, seal="true").json()
    assert document["plan"]["summary"]["update"] == 2
    assert "greeting: sealed" in document["request"]["manifest"]
    assert "sealed" not in json.dumps(document["plan"])
    headers = {"content-type": "application/json"}
    altered = {**document, "made_by": "nobody"}
    refused = deployed.error("POST", "/deployments/shop/apply", content=json.dumps(altered), headers=headers)
    assert refused[:2] == (400, 710001)
    assert "altered" in refused[2]
    reader = served.client("reader")("POST", "/deployments/shop/apply", content=json.dumps(document), headers=headers)
    assert reader.status_code == 401
    task = deployed.run("POST", "/deployments/shop/apply", content=json.dumps(document), headers=headers)
    assert task["user"] == "admin"
    stale = deployed.run("POST", "/deployments/shop/apply", "error", content=json.dumps(document), headers=headers)
    assert "is not carried out" in stale["result"]
    deployed.deploy(shop(persistent_disk_type="small"))
