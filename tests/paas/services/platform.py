"""The platform's side of the Open Service Broker API, for tests."""

from __future__ import annotations

import base64
from typing import Any

import httpx2

from tests.paas.services.component import eventually

USER, PASSWORD = "platform", "a-password-of-the-broker"


class Platform:
    """Speaks with one broker; `service` and `plan` are ids of its catalog."""

    def __init__(self, port: int) -> None:
        known = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        self.http = httpx2.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"X-Broker-API-Version": "2.17", "Authorization": f"Basic {known}"},
            timeout=30,
        )
        offering = self.http.get("/v2/catalog").json()["services"][0]
        self.service = offering["id"]
        self.plans = {plan["name"]: plan["id"] for plan in offering["plans"]}

    def ids(self, plan: str = "small") -> dict[str, str]:
        return {"service_id": self.service, "plan_id": self.plans[plan]}

    def provision(self, id: str, plan: str = "small", **more: Any) -> httpx2.Response:
        body = {**self.ids(plan), "organization_guid": "o", "space_guid": "s", **more}
        return self.http.put(f"/v2/service_instances/{id}?accepts_incomplete=true", json=body)

    def state(self, id: str, operation: str = "") -> tuple[int, str, str]:
        """Status, state and description of the last operation."""
        query = {"operation": operation} if operation else {}
        answer = self.http.get(f"/v2/service_instances/{id}/last_operation", params=query)
        body = answer.json()
        return answer.status_code, body.get("state", ""), body.get("description", "")

    def ended(self, id: str) -> tuple[int, str, str]:
        """The last operation, once it has ended."""
        return eventually(lambda: now if (now := self.state(id))[1] != "in progress" else None, "the operation's end")

    def made(self, id: str, plan: str = "small") -> None:
        """Provision it and wait."""
        answer = self.provision(id, plan)
        assert answer.status_code == 202, answer.text
        assert self.ended(id)[:2] == (200, "succeeded")

    def deprovision(self, id: str, incomplete: bool = True) -> httpx2.Response:
        query = {**self.ids(), **({"accepts_incomplete": "true"} if incomplete else {})}
        return self.http.delete(f"/v2/service_instances/{id}", params=query)

    def gone(self, id: str) -> None:
        """Deprovision it and wait."""
        assert self.deprovision(id).status_code == 202
        assert self.ended(id)[0] == 410

    def bind(self, id: str, binding: str, **more: Any) -> httpx2.Response:
        return self.http.put(f"/v2/service_instances/{id}/service_bindings/{binding}", json={**self.ids(), **more})

    def unbind(self, id: str, binding: str) -> httpx2.Response:
        return self.http.delete(f"/v2/service_instances/{id}/service_bindings/{binding}", params=self.ids())
