"""`meristem cpi new NAME`: a package with a CPI that passes the cases of what it declares, ready to be filled."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

SKELETON = Path(__file__).parent / "skeleton"
NAME = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")

PROJECT = """\
[build-system]
requires = ["setuptools>=68"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}-cpi"
version = "0.1.0"
description = "A CPI for {name}"
requires-python = ">=3.11"
dependencies = ["meristem"]

[project.optional-dependencies]
test = ["pytest>=8.2"]

[project.entry-points."meristem.cpis"]
{name} = "{package}.plugin"

[tool.setuptools.packages.find]
include = ["{package}*"]

[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = [".", "tests"]
addopts = "-p cpi.conformance.plugin"
"""

TESTS = '''\
"""The contract: one test per case of the conformance kit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml


@pytest.fixture(scope="session")
def cpi_check(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The plugin, and how to reach a cloud for it."""
    directory = tmp_path_factory.mktemp("cloud")
    config = directory / "check.yml"
    config.write_text(
        yaml.safe_dump(
            {{
                "properties": {{"state_dir": str(directory / "state")}},
                "probes": {{"inventory": "probes:inventory", "settings": "probes:settings", "vanish": "probes:vanish"}},
            }}
        )
    )
    return "{package}.plugin", config


def test_contract(cpi_case: Callable[[], None]) -> None:
    """The CPI keeps this sentence."""
    cpi_case()
'''

PROBES = '''\
"""How the kit looks past the CPI: ask the cloud itself here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from {package}.cloud import Cloud


def inventory(properties: dict[str, Any]) -> list[str]:
    """Everything there is."""
    cloud = Cloud(Path(properties["state_dir"]))
    return [cid for kind in ("stemcell", "vm", "disk") for cid in cloud.cids(kind)]


def settings(properties: dict[str, Any], vm: str) -> Any:
    """What the agent of a VM reads."""
    return (Cloud(Path(properties["state_dir"])).get("vm", vm) or {{}})["settings"]


def vanish(properties: dict[str, Any], vm: str) -> None:
    """A VM is destroyed by somebody else."""
    Cloud(Path(properties["state_dir"])).drop("vm", vm)
'''

README = """\
# CPI for {name}

    python3 -m venv .venv && .venv/bin/pip install -e '.[test]'
    .venv/bin/pytest                       # one test per sentence of the contract
    .venv/bin/meristem cpi check {name} --config check.yml

`{package}/plugin.py` has one function per call; `{package}/cloud.py` is a cloud of files: put your cloud's client in its place, and keep the tests green.
A call that you add with `@implements` is declared by that, and its cases are checked from then on. Under a director: `meristem.cpi.type: {name}`;
under any BOSH director: `meristem cpi exec {name}` as the executable.
"""


def write(name: str, directory: Path) -> list[Path]:
    """The files written. ValueError if the name cannot be one, FileExistsError if the directory is not empty."""
    if not NAME.match(name):
        raise ValueError(f"{name!r} cannot name a CPI: 1 to 40 of a-z, 0-9 and '-', beginning with a letter")
    if directory.exists() and any(directory.iterdir()):
        raise FileExistsError(f"{directory}: is not empty; choose another one by --dir")
    package = f"{name.replace('-', '_')}_cpi"
    texts = {
        "pyproject.toml": PROJECT,
        "README.md": README,
        "tests/test_contract.py": TESTS,
        "tests/probes.py": PROBES,
    }
    files = {path: text.format(name=name, package=package) for path, text in texts.items()}
    for source in ("plugin.py", "cloud.py"):
        text = (SKELETON / source).read_text().replace("cpi.conformance.skeleton", package)
        text = text.replace("The skeleton CPI", f"The CPI for {name}").replace("skeleton-raw", f"{name}-raw")
        files[f"{package}/{source}"] = text
    files[f"{package}/__init__.py"] = f'"""CPI for {name}."""\n'
    for path, text in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text)
    return [directory / path for path in files]


def main(argv: list[str] | None = None) -> int:
    """Write the package and say what is next."""
    parser = argparse.ArgumentParser(prog="meristem cpi new", description="Begin a CPI of your own.")
    parser.add_argument("name", metavar="NAME", help="a-z, 0-9 and '-'")
    parser.add_argument("--dir", type=Path, help="where to (./NAME-cpi)")
    options = parser.parse_args(argv)
    directory: Path = options.dir or Path(f"{options.name}-cpi")
    try:
        files = write(options.name, directory)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for file in files:
        print(file)
    print(f"Next: cd {directory} && pip install -e '.[test]' && pytest")
    return 0


if __name__ == "__main__":
    sys.exit(main())
