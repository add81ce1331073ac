"""A deployment's life, told once for all clouds: what the director, the cloud's own lists and the VMs' inside show of each step.

Each cloud's tests go along with it, and ask their cloud besides what it alone can be asked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tests.clouds.deploys.cloud_site import CloudSite, Row
from tests.e2e.lab.calls import agent_calls, agent_calls_by_agent, cpi_calls
from tests.e2e.lab.shop import NAME, manifest
from tests.e2e.lab.site import until
from tests.e2e.loopback.api import Finished, running

STORE = "/var/vcap/store"
BALLAST = f"{STORE}/ballast"
"""A file of noise on the persistent disk."""


@dataclass(frozen=True)
class Step:
    """The instances by their ids, before and after."""

    before: dict[str, Row]
    after: dict[str, Row]


@dataclass
class Story:
    """One store and some web fronts, from step to step. `first`: how they came to be; `wanted`: what the manifest has now."""

    cloud: CloudSite
    first: Finished
    wanted: dict[str, Any] = field(default_factory=dict[str, Any])

    @classmethod
    def begin(cls, cloud: CloudSite, **wanted: Any) -> Story:
        """The deployment from nothing."""
        cloud.remove_all()
        return cls(cloud, _deploy(cloud, wanted), wanted)

    def deploy(self, **changes: Any) -> Finished:
        """With some changes to what was wanted until now."""
        self.wanted.update(changes)
        return _deploy(self.cloud, self.wanted)

    def runs_from_nothing(self) -> None:
        rows = self._rows().values()
        assert running(rows) == self._names()
        for row in rows:
            assert {one["name"]: one["state"] for one in row["processes"]} == {row["job_name"]: "running"}
        self._cloud_agrees()
        calls = cpi_calls(self.cloud.api, self.first.task["id"])
        made = (calls["create_vm"] - calls["delete_vm"], calls["create_disk"], calls["attach_disk"])
        assert made == (len(rows), 1, 1)
        compiled = [task.split("/")[0] for task in self.first.tasks_of("Compiling packages")]
        assert compiled == ["runtime-lib", "greeter"]

    def agents_have_their_settings(self) -> None:
        """By the cloud's own way, and by no other."""
        for row in self._rows().values():
            read = json.loads(self.cloud.run(row, "cat /var/vcap/bosh/settings.json"))
            assert read["agent_id"] == row["agent_id"]
            assert [net["ip"] for net in read["networks"].values()] == row["ips"]
            seed = self.cloud.run(row, "ls /var/vcap/seed")
            assert seed == "", "settings came by a way that the cloud has not"

    def data_lie_on_the_disk(self) -> None:
        [store], [web, *_] = self.cloud.group("store"), self.cloud.group("web")
        mounted = "findmnt -n -o FSTYPE {} || true"
        assert self.cloud.run(store, mounted.format(STORE)) == "ext4"
        assert self.cloud.run(web, mounted.format(STORE)) == ""
        for row in (store, web):
            assert self.cloud.run(row, mounted.format("/var/vcap/data")) == "ext4"
        count = self._count()
        assert self.cloud.run(store, f"cat {STORE}/demo/counter") == str(count)

    def unchanged_calls_nobody(self) -> None:
        boots = self.cloud.boots()
        task = self.deploy().task["id"]
        assert (cpi_calls(self.cloud.api, task), agent_calls(self.cloud.api, task)) == ({}, {})
        assert self.cloud.boots() == boots

    def a_property_changes_in_place(self) -> None:
        boots = self.cloud.boots()
        finished = self.deploy(greeting="Good day")
        assert cpi_calls(self.cloud.api, finished.task["id"]) == {}
        assert {self._ask(row)["greeting"] for row in self.cloud.group("web")} == {"Good day"}
        assert self.cloud.boots() == boots

    def a_vm_that_is_off_is_rebooted(self) -> None:
        """By cloud check; it is the same VM then, and nobody else is touched."""
        boots, [web, *_] = self.cloud.boots(), self.cloud.group("web")
        self.cloud.switch_off(web)
        self.cloud.cli("-d", NAME, "cloud-check", "--resolution", "reboot_vm", seconds=self.cloud.PATIENCE)
        until(
            "its job runs again",
            self.cloud.PATIENCE,
            lambda: running(self._rows().values()) == self._names(),
            pause=0.5,
        )
        now = self.cloud.boots()
        assert now.keys() == boots.keys()
        assert {cid for cid, boot in now.items() if boot != boots[cid]} == {web["vm_cid"]}
        self._cloud_agrees()
        self._count()

    def recreate_keeps_the_disk(self) -> Step:
        """Another VM of the same instance; nobody else is touched."""
        before, boots, count, noise = self._rows(), self.cloud.boots(), self._count(), self._noise()
        self.cloud.cli("-d", NAME, "recreate", "store/0", seconds=self.cloud.PATIENCE)
        after = self._rows()
        assert running(after.values()) == self._names()
        replaced = [key for key in before if before[key]["vm_cid"] != after[key]["vm_cid"]]
        [store] = self.cloud.group("store")
        assert replaced == [store["id"]]
        old = before[store["id"]]
        assert {cid: boot for cid, boot in boots.items() if cid != old["vm_cid"]} == {
            cid: boot for cid, boot in self.cloud.boots().items() if cid != store["vm_cid"]
        }
        assert store["disk_cids"] == old["disk_cids"]
        self._cloud_agrees()
        assert (self._count(), self._digest()) == (count + 1, noise)
        return Step(before, after)

    def a_new_stemcell_keeps_the_bytes(self, version: str = "1.1") -> Step:
        before, count, noise = self._rows(), self._count(), self._noise()
        self.cloud.api.upload_stemcell(self.cloud.stemcell(version))
        self.deploy(stemcell=version)
        after = self._rows()
        assert after.keys() == before.keys()
        assert running(after.values()) == self._names()
        assert {row["stemcell"]["version"] for row in after.values()} == {version}
        assert {row["vm_cid"] for row in after.values()}.isdisjoint(row["vm_cid"] for row in before.values())
        for key, row in after.items():
            assert (row["disk_cids"], row["ips"]) == (before[key]["disk_cids"], before[key]["ips"])
        self._cloud_agrees()
        assert (self._count(), self._digest()) == (count + 1, noise)
        return Step(before, after)

    def scaling_touches_only_the_difference(self) -> None:
        """One web front more, then all but one go."""
        before, boots, few = self._rows(), self.cloud.boots(), self.wanted["web"]
        up = self.deploy(web=few + 1).task["id"]
        grown, now = self._rows(), self.cloud.boots()
        assert cpi_calls(self.cloud.api, up) == {"create_vm": 1, "set_vm_metadata": 1}
        assert set(agent_calls_by_agent(self.cloud.api, up)) == _agents(grown) - _agents(before)
        assert {cid: now.get(cid) for cid in boots} == boots
        assert running(grown.values()) == self._names()
        self._cloud_agrees()
        down = self.deploy(web=1).task["id"]
        left = self._rows()
        assert cpi_calls(self.cloud.api, down) == {"delete_vm": few}
        assert set(agent_calls_by_agent(self.cloud.api, down)) == _agents(grown) - _agents(left)
        assert running(left.values()) == self._names()
        assert self.cloud.boots() == {row["vm_cid"]: now[row["vm_cid"]] for row in left.values()}

    def a_larger_disk_takes_over_the_data(self, kind: str) -> Step:
        """The VM stays; its old disk is an orphan."""
        before, boots, count, noise = self._rows(), self.cloud.boots(), self._count(), self._noise()
        self.deploy(disk=kind)
        after = self._rows()
        [store] = self.cloud.group("store")
        [old], [new] = before[store["id"]]["disk_cids"], store["disk_cids"]
        assert new != old
        assert self.cloud.boots() == boots
        assert (self._count(), self._digest()) == (count + 1, noise)
        assert [one["disk_cid"] for one in self.cloud.api.get("/disks")] == [old]
        assert self.cloud.disks() == {old, new}
        return Step(before, after)

    def an_orphan_is_deleted(self) -> None:
        for orphan in self.cloud.api.get("/disks"):
            self.cloud.api.run("DELETE", f"/disks/{orphan['disk_cid']}")
        self._cloud_agrees()

    def _cloud_agrees(self) -> None:
        """Its VMs and disks are those that the director knows, no more: neither a compilation VM nor a disk that nobody has."""
        rows = self._rows().values()
        assert self.cloud.vms() == {row["vm_cid"] for row in rows}
        assert self.cloud.disks() == {cid for row in rows for cid in row["disk_cids"]}

    def _rows(self) -> dict[str, Row]:
        return {row["id"]: row for row in self.cloud.api.instances(NAME)}

    def _names(self) -> set[str]:
        return {"store/0", *(f"web/{index}" for index in range(self.wanted["web"]))}

    def _ask(self, web: Row) -> Any:
        return self.cloud.inside.get(web["ips"][0], seconds=20)

    def _count(self) -> int:
        """One visit more of a web front, as the store counts them on its disk."""
        [web, *_] = self.cloud.group("web")
        return self._ask(web)["store"]["counter"]

    def _noise(self) -> str:
        """Written anew to the persistent disk; its digest."""
        [store] = self.cloud.group("store")
        self.cloud.run(store, f"head -c 2000000 /dev/urandom > {BALLAST}")
        return self._digest()

    def _digest(self) -> str:
        [store] = self.cloud.group("store")
        return self.cloud.run(store, f"sha256sum < {BALLAST}")


def deletion_leaves_the_disk_alone(cloud: CloudSite) -> None:
    """And the disk's deletion nothing."""
    rows, others = cloud.api.instances(NAME), {one["disk_cid"] for one in cloud.api.get("/disks")}
    [disk] = [cid for row in rows for cid in row["disk_cids"]]
    task = cloud.api.delete_deployment(NAME, seconds=cloud.PATIENCE).task["id"]
    calls = cpi_calls(cloud.api, task)
    assert (calls["delete_vm"], calls["delete_disk"]) == (len(rows), 0)
    assert (cloud.vms(), cloud.disks()) == (set(), {disk} | others)
    [orphan] = [one for one in cloud.api.get("/disks") if one["disk_cid"] == disk]
    assert orphan["deployment_name"] == NAME
    cloud.cli("delete-disk", disk)
    assert cloud.disks() == others


def _deploy(cloud: CloudSite, wanted: dict[str, Any]) -> Finished:
    """`disk`: the store's disk type; the rest as `shop.manifest` takes it."""
    document = manifest(**{key: value for key, value in wanted.items() if key != "disk"})
    if "disk" in wanted:
        document["instance_groups"][0]["persistent_disk_type"] = wanted["disk"]
    return cloud.api.deploy(document, seconds=cloud.PATIENCE)


def _agents(rows: dict[str, Row]) -> set[str]:
    return {row["agent_id"] for row in rows.values()}
