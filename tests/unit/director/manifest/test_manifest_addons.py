"""Addons of runtime configs and manifests, placed by their filters."""

from __future__ import annotations

from typing import Any

import pytest
from shop import GOOD, fault, load

from director.manifest.runtime_config import load_runtime_configs
from director.model.deployment import Deployment

RUNTIME = """
releases: [{name: dns, version: 1.0.0}, {name: logs, version: 2.0.0}]
addons:
- name: dns
  jobs: [{name: resolver, release: dns}]
  include: {stemcell: [{os: debian-12}], jobs: [{name: httpd, release: store}]}
- name: logs
  jobs: [{name: shipper, release: logs, properties: {a: 1}}]
  exclude: {lifecycle: service}
tags: {owner: ops, env: dev}
variables: [{name: /shared/ca, type: certificate}]
"""


def runtime(text: str = RUNTIME) -> Any:
    return load_runtime_configs([("runtime", text)])


def jobs(found: Deployment) -> dict[str, list[str]]:
    return {group.name: [job.name for job in group.jobs] for group in found.instance_groups}


def test_runtime_addons_are_placed_where_their_filters_say() -> None:
    found = load(GOOD + "tags: {env: prod}\n", runtime=runtime())
    assert jobs(found) == {"web": ["httpd", "resolver"], "smoke": ["shipper"]}
    assert [one.name for one in found.releases] == ["store", "tools", "dns", "logs"]
    assert found.tags == {"owner": "ops", "env": "prod"}
    assert [one.name for one in found.variables] == ["pw", "/shared/ca"]


@pytest.mark.parametrize(
    ("include", "placed"),
    [
        ("{}", ["web", "smoke"]),
        ("{deployments: [shop]}", ["web", "smoke"]),
        ("{deployments: [other]}", []),
        ("{instance_groups: [smoke, x]}", ["smoke"]),
        ("{networks: [back]}", ["smoke"]),
        ("{azs: [z2]}", ["web"]),
        ("{lifecycle: errand}", ["smoke"]),
        ("{teams: [blue]}", ["web", "smoke"]),
        ("{teams: [red]}", []),
        ("{stemcell: [{os: ubuntu}]}", []),
        ("{deployments: [shop], azs: [z2], jobs: [{name: httpd, release: tools}]}", []),
    ],
)
def test_addon_filters(include: str, placed: list[str]) -> None:
    text = f"releases: [{{name: r, version: 1}}]\naddons: [{{name: a, jobs: [{{name: j, release: r}}], include: {include}}}]\n"
    found = load(GOOD, runtime=runtime(text), teams=["blue"])
    assert [name for name, held in jobs(found).items() if "j" in held] == placed
    assert ("r" in [one.name for one in found.releases]) == bool(placed)


def test_manifest_addons() -> None:
    addon = "addons: [{name: a, jobs: [{name: j, release: tools}], properties: {x: 1}, exclude: {instance_groups: [web]}}]\n"
    found = load(GOOD + addon)
    assert jobs(found) == {"web": ["httpd"], "smoke": ["j"]}
    assert found.instance_groups[1].jobs[0].properties == {"x": 1}


@pytest.mark.parametrize(
    ("addon", "code", "words"),
    [
        (
            "{name: a, jobs: [{name: j, release: gone}]}",
            530002,
            ["'gone'", "deployment releases section", "addons/0/jobs/0"],
        ),
        (
            "{name: a, include: {deployments: [x]}}",
            530006,
            ["not allowed for deployment level", "Remove 'deployments'"],
        ),
        ("{name: a, include: {jobs: [{name: j}]}}", 530004, ["both name and release", "Add 'release'"]),
        ("{name: a, exclude: {stemcell: [{}]}}", 530005, ["must have an os name", "exclude/stemcell/0"]),
        ("{jobs: []}", 40001, ["'name'", "/addons/0"]),
        ("{name: a, jobs: [{name: httpd, release: tools}]}", 140010, ["Colocated job 'httpd'", "Addon 'a'", "exclude"]),
    ],
)
def test_addon_mistakes(addon: str, code: int, words: list[str]) -> None:
    error = fault(GOOD + f"addons: [{addon}]\n")
    assert error.code == code, error.description
    assert "manifest:46" in error.description
    for word in words:
        assert word in error.description


def test_runtime_releases_must_not_conflict() -> None:
    error = fault(
        GOOD,
        runtime=runtime(
            RUNTIME.replace("name: logs, version", "name: tools, version").replace("release: logs", "release: tools")
        ),
    )
    assert error.code == 530003
    for word in ("'tools'", "'2.0.0'", "'latest'", "runtime:7"):
        assert word in error.description
