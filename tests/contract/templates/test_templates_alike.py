"""Rendering by Ruby and its twin in memory: on what the twin knows, both say the same."""

from __future__ import annotations

import io
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from director.adapters.memory.templates import MemoryTemplates
from director.adapters.templates import ErbTemplates
from director.model.errors import BadRequest
from director.ports.templates import RenderRequest, Templates
from tests.programs import need


@pytest.fixture(params=["ruby", "memory"])
async def templates(request: pytest.FixtureRequest) -> AsyncIterator[Templates]:
    if request.param == "ruby":
        need("ruby")
    renderer: Templates = ErbTemplates() if request.param == "ruby" else MemoryTemplates()
    yield renderer
    await renderer.close()


def archive(directory: Path, text: str) -> Path:
    path = directory / "job.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for name, content in (("./monit", "check process web"), ("./templates/web.erb", text)):
            info = tarfile.TarInfo(name)
            info.size = len(content.encode())
            tar.addfile(info, io.BytesIO(content.encode()))
    return path


def request(path: Path, index: int, properties: dict[str, Any]) -> RenderRequest:
    spec = {
        "name": "web",
        "index": index,
        "id": f"u-{index}",
        "az": "z1",
        "address": f"10.0.0.{index}",
        "deployment": "d",
        "bootstrap": index == 1,
    }
    files = {"templates": {"web.erb": "config/web"}}
    return RenderRequest(
        f"web/u-{index}", "web", "web", path, files, {"spec": spec, "properties": properties, "links": {}}
    )


async def test_properties_and_facts_are_printed_in_the_order_of_the_requests(
    templates: Templates, tmp_path: Path
) -> None:
    path = archive(
        tmp_path, "say <%= p('a.b') %>\n<%= spec.name %>/<%= spec.index %> <%= spec.address %> <%= spec.az %>\n"
    )
    answers = await templates.render([request(path, index, {"a": {"b": f"ü{index}"}}) for index in (2, 1)])
    assert [one.instance for one in answers] == ["web/u-2", "web/u-1"]
    assert [one.errors for one in answers] == [(), ()]
    assert answers[0].files["config/web"].decode() == "say ü2\nweb/2 10.0.0.2 z1\n"
    assert answers[1].files["config/web"].decode() == "say ü1\nweb/1 10.0.0.1 z1\n"
    assert answers[0].files["monit"] == b"check process web"


async def test_a_missing_property_is_data_and_its_neighbours_are_rendered(templates: Templates, tmp_path: Path) -> None:
    path = archive(tmp_path, "first\n<%= p('a.b') %>\n")
    bad, good = await templates.render([request(path, 1, {}), request(path, 2, {"a": {"b": 7}})])
    assert bad.errors == ("Error filling in template 'web.erb' (line 2: Can't find property '[\"a.b\"]')",)
    assert bad.files == {}
    assert good.files["config/web"] == b"first\n7\n"


async def test_a_missing_template_is_named(templates: Templates, tmp_path: Path) -> None:
    one = request(archive(tmp_path, "x"), 1, {})
    wrong = RenderRequest(one.instance, one.group, one.job, one.archive, {"templates": {"gone.erb": "x"}}, one.context)
    with pytest.raises(BadRequest, match=r"Template 'gone.erb' is missing from job 'web'"):
        await templates.render([wrong])
