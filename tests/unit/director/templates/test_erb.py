"""Job templates through the real Ruby."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from director.adapters.templates import ErbTemplates
from director.model.errors import BadRequest
from director.ports.templates import RenderRequest

pytestmark = pytest.mark.skipif(shutil.which("ruby") is None, reason="ruby is not installed")


@pytest.fixture
async def templates() -> AsyncIterator[ErbTemplates]:
    renderer = ErbTemplates(seconds=60)
    yield renderer
    await renderer.close()


def request(
    tmp_path: Path, text: str, *, properties: dict[str, Any] | None = None, links: dict[str, Any] | None = None
) -> RenderRequest:
    archive = tmp_path / f"job-{abs(hash(text))}.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, content in (("./monit", "check process web"), ("./templates/ctl.erb", text)):
            info = tarfile.TarInfo(name)
            info.size = len(content.encode())
            tar.addfile(info, io.BytesIO(content.encode()))
    context = {
        "spec": {"name": "web", "index": 1, "id": "u-1", "networks": {"default": {"ip": "10.0.0.7"}}, "ip": "10.0.0.7"},
        "properties": properties or {},
        "links": links or {},
    }
    return RenderRequest("web/u-1", "web", "web", archive, {"templates": {"ctl.erb": "bin/ctl"}}, context)


async def rendered(templates: ErbTemplates, one: RenderRequest) -> str:
    (answer,) = await templates.render([one])
    assert answer.errors == ()
    assert answer.files["monit"] == b"check process web"
    return answer.files["bin/ctl"].decode()


@pytest.mark.parametrize(
    ("text", "properties", "expected"),
    [
        ("<%= p('a.b') %>", {"a": {"b": 7}}, "7"),
        ("<%= p('a.c', 'x') %>", {"a": {"b": 7}}, "x"),
        ("<%= p(['a.c', 'a.b']) %>", {"a": {"b": False}}, "false"),
        ("<% if_p('a', 'b') do |x, y| %><%= x + y %><% end.else do %>none<% end %>", {"a": 1, "b": 2}, "3"),
        (
            "<% if_p('a', 'b') do |x, y| %><%= x + y %><% end.else_if_p('a') do |x| %>only <%= x %><% end %>",
            {"a": 1},
            "only 1",
        ),
        (
            "<%= spec.networks.default.ip %> <%= name %>/<%= index %> <%= properties.a.b %>",
            {"a": {"b": "ü"}},
            "10.0.0.7 web/1 ü",
        ),
        ("<%= spec.networks.methods(false).grep(/default$/).size > 0 %>", {}, "true"),
        ("<%- x = 1 -%>\n<%= x %>", {}, "1"),
        ("<%= JSON.dump(raw_properties) %> <%= ''.blank? %>", {"a": [1]}, '{"a":[1]} true'),
    ],
)
async def test_properties_are_seen_as_the_contract_says(
    templates: ErbTemplates, tmp_path: Path, text: str, properties: dict[str, Any], expected: str
) -> None:
    assert await rendered(templates, request(tmp_path, text, properties=properties)) == expected


async def test_a_link_gives_instances_properties_and_an_address(templates: ErbTemplates, tmp_path: Path) -> None:
    link = {
        "instances": [
            {
                "name": "db",
                "index": 0,
                "id": "i",
                "az": "z1",
                "address": "10.0.0.9",
                "bootstrap": True,
                "properties": {},
            }
        ],
        "properties": {"port": 5},
        "instance_group": "db_x",
        "default_network": "default",
        "deployment_name": "Demo",
        "domain": "bosh",
    }
    text = "<%= link('db').instances[0].address %>:<%= link('db').p('port') %> <%= link('db').address(status: 'healthy') %><% if_link('no') do %>!<% end %>"
    assert (
        await rendered(templates, request(tmp_path, text, links={"db": link}))
        == "10.0.0.9:5 q-s3.db-x.default.demo.bosh"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n<%= p('x.y') %>", "Error filling in template 'ctl.erb' (line 2: Can't find property '[\"x.y\"]')"),
        ("<%= link('db').p('x') %>", "Error filling in template 'ctl.erb' (line 1: Can't find link 'db')"),
        (
            "a\n\n<%= nil.foo %>",
            "Error filling in template 'ctl.erb' (line 3: undefined method `foo' for nil:NilClass)",
        ),
    ],
)
async def test_an_error_names_template_line_and_reason(
    templates: ErbTemplates, tmp_path: Path, text: str, message: str
) -> None:
    (answer,) = await templates.render([request(tmp_path, text)])
    assert answer.errors == (message,)
    assert answer.files == {}


async def test_a_syntax_error_is_data_too(templates: ErbTemplates, tmp_path: Path) -> None:
    (answer,) = await templates.render([request(tmp_path, "ok\n<%= 1 + %>")])
    assert "Error filling in template 'ctl.erb' (line 2:" in answer.errors[0]


async def test_a_template_that_never_ends_is_killed_and_its_neighbours_are_rendered(tmp_path: Path) -> None:
    renderer = ErbTemplates(seconds=2)
    bad, good = await renderer.render([request(tmp_path, "<% loop {} %>"), request(tmp_path, "fine")])
    await renderer.close()
    assert "limit" in bad.errors[0]
    assert good.files["bin/ctl"] == b"fine"


async def test_a_template_leaves_nothing_behind_and_writes_nothing(templates: ErbTemplates, tmp_path: Path) -> None:
    target = tmp_path / "written"
    bad, *_ = await templates.render([request(tmp_path, f"<% $seen = 1; File.write('{target}', 'x') %>")])
    assert bad.errors
    assert not target.exists() or target.read_text() == ""
    assert await rendered(templates, request(tmp_path, "<%= $seen.inspect %>")) == "nil"


async def test_a_missing_template_is_named(templates: ErbTemplates, tmp_path: Path) -> None:
    one = request(tmp_path, "x")
    wrong = RenderRequest(
        one.instance, one.group, one.job, one.archive, {"templates": {"gone.erb": "bin/x"}}, one.context
    )
    with pytest.raises(BadRequest, match=r"Template 'gone.erb' is missing from job 'web'"):
        await templates.render([wrong])


async def test_what_one_instance_does_to_shared_properties_no_other_sees(
    templates: ErbTemplates, tmp_path: Path
) -> None:
    one = request(tmp_path, "<%= p('list').push('mine').size %>", properties={"list": ["a"]})
    answers = await templates.render([one, one, one])
    assert [answer.files["bin/ctl"] for answer in answers] == [b"2", b"2", b"2"]
