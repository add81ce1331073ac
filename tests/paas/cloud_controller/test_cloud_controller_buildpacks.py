"""Buildpacks: their order, their content, and stacks."""

from __future__ import annotations

import pytest

from tests.paas.cloud_controller.client import Api
from tests.paas.cloud_controller.pushing import zipped
from tests.paas.cloud_controller.tenants import name


async def order(admin: Api, *names: str) -> list[str]:
    """Those of `names`, as they are ordered."""
    listed = await admin.get("/v3/buildpacks", order_by="position", per_page=5000)
    return [one["name"] for one in listed["resources"] if one["name"] in names]


async def test_buildpacks_keep_their_order(admin: Api) -> None:
    a, b, c = name("a"), name("b"), name("c")
    made = {one: await admin.post("/v3/buildpacks/", {"name": one, "position": 1}) for one in (c, b, a)}
    assert await order(admin, a, b, c) == [a, b, c]
    last = await admin.patch(f"/v3/buildpacks/{made[a]['guid']}", {"position": 10_000})
    assert await order(admin, a, b, c) == [b, c, a]
    everything = (await admin.get("/v3/buildpacks", per_page=5000))["resources"]
    assert [one["position"] for one in everything] == list(range(1, len(everything) + 1))
    assert last["position"] == len(everything)
    await admin.delete(f"/v3/buildpacks/{made[b]['guid']}")
    everything = (await admin.get("/v3/buildpacks", per_page=5000))["resources"]
    assert [one["position"] for one in everything] == list(range(1, len(everything) + 1))
    for one in (a, c):
        await admin.delete(f"/v3/buildpacks/{made[one]['guid']}")


async def test_a_name_is_taken_once_for_a_stack(admin: Api) -> None:
    called = name("pack")
    first = await admin.post("/v3/buildpacks", {"name": called, "position": 99})
    error = await admin.fail(422, "POST", "/v3/buildpacks", {"name": called})
    assert error["detail"] == f"Buildpack with name '{called}' and unassigned stack already exists"
    second = await admin.post("/v3/buildpacks", {"name": called, "stack": "cflinuxfs-deb12", "position": 99})
    error = await admin.fail(422, "POST", "/v3/buildpacks", {"name": called, "stack": "none"})
    assert error["detail"] == "Stack 'none' does not exist"
    for bad in ({"name": "a b"}, {"name": called + "x", "position": 0}, {}):
        await admin.fail(422, "POST", "/v3/buildpacks", bad)
    for one in (first, second):
        await admin.delete(f"/v3/buildpacks/{one['guid']}")


@pytest.mark.parametrize(
    ("bits", "filename", "words"),
    [
        (b"x", "x.zip", "not a zip archive"),
        (zipped(readme="x"), "x.zip", "neither bin/compile nor bin/supply"),
        (zipped(**{"bin/compile": "x"}), "x.tgz", "x.tgz is not a zip"),
    ],
)
async def test_what_is_no_buildpack_is_refused(admin: Api, bits: bytes, filename: str, words: str) -> None:
    made = await admin.post("/v3/buildpacks", {"name": name("pack"), "position": 99})
    path = f"/v3/buildpacks/{made['guid']}"
    assert words in (await admin.fail(422, "POST", f"{path}/upload", files={"bits": (filename, bits)}))["detail"]
    assert (await admin.get(path))["state"] == "AWAITING_UPLOAD"
    await admin.delete(path)


async def test_content_is_replaced_and_a_stack_is_taken_from_it(admin: Api) -> None:
    made = await admin.post("/v3/buildpacks", {"name": name("pack"), "position": 99})
    path = f"/v3/buildpacks/{made['guid']}"
    bits = zipped(**{"bin/supply": "x", "manifest.yml": "stack: cflinuxfs-deb12\n"})
    await admin.post(f"{path}/upload", files={"bits": ("first.zip", bits)})
    shown = await admin.get(path)
    assert (shown["state"], shown["filename"], shown["stack"]) == ("READY", "first.zip", "cflinuxfs-deb12")
    await admin.post(f"{path}/upload", files={"bits": ("second.zip", bits)})
    assert (await admin.get(path))["filename"] == "second.zip"
    await admin.patch(path, {"locked": True})
    error = await admin.fail(422, "POST", f"{path}/upload", files={"bits": ("third.zip", bits)})
    assert error["detail"] == "Buildpack is locked"
    await admin.delete(path)


async def test_stacks_are_listed_and_kept_while_they_are_used(admin: Api, app: str) -> None:
    called = name("stack")
    made = await admin.post("/v3/stacks", {"name": called, "description": "another"})
    assert (await admin.get("/v3/stacks", names=called))["resources"][0]["description"] == "another"
    await admin.patch(f"/v3/apps/{app}", {"lifecycle": {"type": "buildpack", "data": {"stack": called}}})
    error = await admin.fail(422, "DELETE", f"/v3/stacks/{made['guid']}")
    assert "apps are currently using the stack" in error["detail"]
    assert [one["guid"] for one in (await admin.get(f"/v3/stacks/{made['guid']}/apps"))["resources"]] == [app]
    await admin.delete(f"/v3/apps/{app}")
    await admin.delete(f"/v3/stacks/{made['guid']}")
