"""A CPI executable whose answers break the contract: CPI and method are named, and no stemcell is listed."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from director.adapters.cloud.clouds import CpiClouds
from director.adapters.cloud.spec import CpiSpec
from tests.contract.bad_input.desk import BadInput, open_desk, stemcell
from tests.programs import need

pytestmark = pytest.mark.asyncio(loop_scope="module")

INFO = json.dumps({"result": {"api_version": 2, "stemcell_formats": ["memory"]}, "error": None, "log": ""})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def odd(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[BadInput, Path]]:
    """A director whose CPI says what the file ``<method>.json`` holds."""
    need("ruby")
    directory = tmp_path_factory.mktemp("odd")
    program = directory / "cpi"
    program.write_text(
        f"#!{sys.executable}\nimport json, pathlib, sys\n"
        "method = json.load(sys.stdin)['method']\n"
        f"sys.stdout.write(pathlib.Path({str(directory)!r}, method + '.json').read_text())\n"
    )
    os.chmod(program, stat.S_IRWXU)

    async def specs() -> list[CpiSpec]:
        return [CpiSpec("", "odd", str(program))]

    async with AsyncExitStack() as stack:
        clouds = CpiClouds(specs, director_uuid="u-1", locks=directory)
        stack.push_async_callback(clouds.close)
        yield await open_desk(directory, stack, clouds), directory


@pytest.mark.parametrize(
    "answer",
    ["", "{}", '{"result": [], "error": null, "log": ""}', '{"result": {"api_version": 1}, "error": null, "log": ""}'],
)
async def test_an_info_that_says_nothing_usable(odd: tuple[BadInput, Path], answer: str) -> None:
    desk, directory = odd
    (directory / "info.json").write_text(answer)
    before = await desk.picture()
    error = await desk.upload("/stemcells", stemcell())
    assert "info" in error or "api_version" in error, error
    assert await desk.picture() == before


CASES = {
    "nothing": ("", "create_stemcell"),
    "not json": ("oops", "create_stemcell"),
    "a list": ("[]", "create_stemcell"),
    "no result key": ('{"error": null, "log": ""}', "create_stemcell"),
    "no error key": ('{"result": "c", "log": ""}', "create_stemcell"),
    "no log key": ('{"result": "c", "error": null}', "create_stemcell"),
    "log is null": ('{"result": "c", "error": null, "log": null}', "create_stemcell"),
    "error without type": (
        '{"result": null, "error": {"message": "m", "ok_to_retry": false}, "log": ""}',
        "create_stemcell",
    ),
    "cid is null": ('{"result": null, "error": null, "log": ""}', "create_stemcell"),
    "cid is a number": ('{"result": 7, "error": null, "log": ""}', "create_stemcell"),
    "cid is empty": ('{"result": "", "error": null, "log": ""}', "create_stemcell"),
    "the cloud's own error": (
        '{"result": null, "error": {"type": "Bosh::Clouds::CloudError", "message": "no space in pool p1", "ok_to_retry": false}, "log": ""}',
        "no space in pool p1",
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_an_answer_that_breaks_the_contract(odd: tuple[BadInput, Path], name: str) -> None:
    desk, directory = odd
    answer, named = CASES[name]
    (directory / "info.json").write_text(INFO)
    (directory / "create_stemcell.json").write_text(answer)
    before = await desk.picture()
    error = await desk.upload("/stemcells", stemcell())
    assert named in error, error
    assert "create_stemcell" in error, error
    assert await desk.picture() == before
    assert (await desk.http.get("/stemcells")).json() == []
