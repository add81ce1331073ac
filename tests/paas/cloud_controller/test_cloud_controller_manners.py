"""What holds for all of the API: discovery, tokens, errors, slashes."""

from __future__ import annotations

import pytest

from tests.paas.cloud_controller.client import Api
from tests.paas.cloud_controller.controller import Controller
from tests.paas.cloud_controller.keys_peer import KeysPeer


@pytest.fixture
async def nobody(controller: Controller):
    async with Api(controller.url) as one:
        yield one


async def test_discovery_tells_where_the_parts_are(nobody: Api, keys: KeysPeer) -> None:
    links = (await nobody.get("/"))["links"]
    assert links["uaa"]["href"] == links["login"]["href"] == keys.url
    assert links["cloud_controller_v3"]["meta"]["version"] == "3.195.0"
    assert links["log_cache"]["href"] == "http://log-cache.sys.test"
    assert links["app_ssh"] is None
    assert (await nobody.get("/v3"))["links"]["apps"]["href"].endswith("/v3/apps")
    assert (await nobody.get("/v3/info"))["name"] == "Meristem PaaS"


async def test_without_a_token_the_title_says_so(nobody: Api) -> None:
    error = await nobody.fail(401, "GET", "/v3/jobs/x")
    assert (error["code"], error["title"]) == (10002, "CF-NotAuthenticated")


@pytest.mark.parametrize("kind", ["expired", "changed", "nonsense"])
async def test_a_token_that_is_not_good_any_more_is_to_be_refreshed(
    controller: Controller, keys: KeysPeer, kind: str
) -> None:
    token = {"expired": keys.token("u", seconds=-5), "changed": keys.token("u")[:-8] + "AAAAAAAA", "nonsense": "x"}[
        kind
    ]
    async with Api(controller.url, token) as api:
        error = await api.fail(401, "GET", "/v3/jobs/x")
        assert (error["code"], error["title"]) == (1000, "CF-InvalidAuthToken")


async def test_a_token_without_the_scope_is_refused(controller: Controller, keys: KeysPeer) -> None:
    async with Api(controller.url, keys.token("u", scopes=["openid"])) as api:
        assert (await api.fail(403, "GET", "/v3/jobs/x"))["title"] == "CF-InsufficientScope"


async def test_unknown_paths_and_methods_are_unknown_requests(admin: Api) -> None:
    for method, path in (("GET", "/v3/nothing"), ("PUT", "/v3/info"), ("GET", "/v2/info")):
        error = await admin.fail(404, method, path)
        assert (error["title"], error["detail"]) == ("CF-NotFound", "Unknown request")


async def test_what_is_not_there_is_named(admin: Api) -> None:
    assert (await admin.fail(404, "GET", "/v3/jobs/none/"))["detail"] == "Job not found"
