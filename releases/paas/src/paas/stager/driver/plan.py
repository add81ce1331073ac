"""What the agent asks of the driver, and what the driver tells: JSON files, since it has no library for more."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Buildpack:
    """`path` is where it lies unpacked; empty, it is fetched from `url`, a zip."""

    key: str
    name: str
    path: str = ""
    url: str = ""


@dataclass(frozen=True)
class Plan:
    """`explicit`: all buildpacks are used, in their order; otherwise the first that detects. Sizes in bytes, `env` for the buildpacks' scripts."""

    buildpacks: list[Buildpack]
    explicit: bool
    env: dict[str, str]
    most_app_bytes: int
    most_buildpack_bytes: int
    ca: str = ""


@dataclass
class Result:
    """`release`: what the last buildpack's bin/release said; `procfile`: the text of the application's own; `cache`: whether there is one to keep."""

    error_type: str = ""
    error: str = ""
    buildpacks: list[dict[str, str]] = field(default_factory=list)
    release: str = ""
    procfile: str = ""
    cache: bool = False


def read_plan(path: Path) -> Plan:
    """As `write` wrote it."""
    raw: dict[str, Any] = json.loads(path.read_text())
    raw["buildpacks"] = [Buildpack(**one) for one in raw["buildpacks"]]
    return Plan(**raw)


def write(path: Path, value: Plan | Result) -> None:
    """As JSON, at once."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(json.dumps(asdict(value)))
    temporary.rename(path)
