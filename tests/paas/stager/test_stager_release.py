"""What starts an app, and which buildpacks are asked: decided without a container."""

from __future__ import annotations

import json

import msgspec
import pytest
import yaml
from paas.messages.staging import AdminBuildpack, Properties, StageRequest
from paas.stager.config import Config
from paas.stager.driver.failure import StagingError
from paas.stager.release import process_types, staging_info
from paas.stager.staging import chosen
from paas.stager.surroundings import services, surroundings

PYTHON, NODE = AdminBuildpack(key="k1", url="u1", name="python"), AdminBuildpack(key="k2", url="u2", name="node")


def request(**properties: object) -> StageRequest:
    return StageRequest(
        app_id="a", task_id="t", download_uri="d", upload_uri="u", admin_buildpacks=[PYTHON, NODE],
        properties=Properties(**properties),  # type: ignore[arg-type]
    )  # fmt: skip


def test_the_procfile_goes_before_what_the_buildpack_says() -> None:
    released = "---\ndefault_process_types:\n  web: by the buildpack\n  worker: w\n"
    assert process_types(released, "", "b") == {"web": "by the buildpack", "worker": "w"}
    procfile = "# how to start\n\nweb: python app.py --port $PORT\nclock :  tick: tock\n"
    assert process_types(released, procfile, "b") == {
        "web": "python app.py --port $PORT",
        "worker": "w",
        "clock": "tick: tock",
    }
    for nothing in ("", "---\n", "{}", "default_process_types:", "addons: []\nconfig_vars: {A: b}\n"):
        assert process_types(nothing, "", "b") == {}


@pytest.mark.parametrize(
    "text",
    [
        "[1, 2]", "just words", "default_process_types: web", "default_process_types: [web]", "default_process_types: {web: {a: b}}",
        "default_process_types: {1: x}", "a: b: c", "\t- x", "!!python/object:os.system x", "&a [*a]", "\0", "x: '" + "y" * 70_000 + "'",
        "{a: &a [x,x], b: &b [*a,*a], default_process_types: *b}", "[" * 5000, "2026-99-99", "default_process_types: {web: 2026-01-01}",
        "default_process_types: {" + ", ".join(f"t{n}: x" for n in range(60)) + "}",
    ],
)  # fmt: skip
def test_an_answer_that_is_not_understood_names_the_buildpack(text: str) -> None:
    with pytest.raises(
        StagingError, match="App staging failed in the buildpack release phase: bin/release of buildpack odd"
    ) as caught:
        process_types(text, "", "odd")
    assert caught.value.type == "BuildpackReleaseFailed" and len(str(caught.value)) < 400


@pytest.mark.parametrize("line", ["web", "web:", ": x", "we b: x", "- web: x", "\0: x"])
def test_a_line_of_a_procfile_that_is_not_understood_is_named(line: str) -> None:
    with pytest.raises(StagingError, match="Procfile, line 2"):
        process_types("", f"worker: w\n{line}\n", "b")


def test_the_staging_info_is_yaml_whatever_stands_in_a_command() -> None:
    command = "echo '#' \"$X\": {a} | cat > 'ü'"
    info = yaml.safe_load(staging_info({"web": command}, "py: thon", [{"key": "k", "name": "n", "url": ""}]))
    assert (info["start_command"], info["detected_buildpack"]) == (command, "py: thon")
    assert yaml.safe_load(staging_info({}, "", []))["start_command"] == ""


def test_buildpacks_are_found_by_key_by_name_and_by_address_in_order() -> None:
    assert chosen(request()) == ([PYTHON, NODE], False)
    assert chosen(request(buildpacks=["node", "https://x/y.zip", "k1"])) == ([NODE, "https://x/y.zip", PYTHON], True)
    assert chosen(request(buildpack="http://x/y.zip")) == (["http://x/y.zip"], True)
    assert chosen(request(buildpack_keys=["k2"])) == ([NODE], True)
    for unknown in ("ruby", "git@x:y", "file:///etc", ""):
        with pytest.raises(StagingError, match="neither a buildpack of the platform nor the address of a zip"):
            chosen(request(buildpacks=[unknown]))


async def test_surroundings_tell_the_package_cache_by_its_address_and_allow_it_alone() -> None:
    base = {"bus": {"servers": []}, "listen": {}, "warden": "", "stacks": {"s": "/"}, "directory": ""}

    config = msgspec.convert({**base, "package_cache": "http://localhost:8899/"}, Config)
    found = await surroundings(config, request(environment=["A=b=c", "PIP_INDEX_URL=mine", "odd"]), "s")
    assert [(one.destination, one.ports) for one in found.egress] == [("127.0.0.1", "8899")]
    assert (
        found.env["npm_config_registry"] == "http://127.0.0.1:8899/npm/"
        and found.env["PIP_TRUSTED_HOST"] == "127.0.0.1"
    )
    assert json.loads(found.env["VCAP_APPLICATION"]) == {"application_id": "a"} and found.env["VCAP_SERVICES"] == "{}"
    named = await surroundings(config, request(meta={"vcap_application": {"name": "n"}}), "s")
    assert json.loads(named.env["VCAP_APPLICATION"]) == {"name": "n"}
    assert (found.env["A"], found.env["PIP_INDEX_URL"], found.env["CF_STACK"]) == ("b=c", "mine", "s")
    tls = msgspec.convert({**base, "package_cache": "https://localhost", "ca": "/ca.pem"}, Config)
    found = await surroundings(tls, request(), "s")
    assert (
        found.env["PIP_INDEX_URL"] == "https://localhost:443/simple" and found.env["PIP_CERT"] == "/opt/staging/ca.pem"
    )
    with pytest.raises(StagingError, match="has no address"):
        await surroundings(msgspec.convert({**base, "package_cache": "http://no.such.invalid"}, Config), request(), "s")


def test_services_are_grouped_by_label() -> None:
    entries = [
        {"label": "pg", "name": "a"},
        {"label": "redis", "name": "b"},
        {"label": "pg", "name": "c"},
        {"name": "d"},
    ]
    found = json.loads(services(entries))
    assert {label: [one["name"] for one in group] for label, group in found.items()} == {
        "pg": ["a", "c"],
        "redis": ["b"],
        "user-provided": ["d"],
    }
