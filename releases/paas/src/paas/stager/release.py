"""What starts the app: by bin/release of the buildpack, and before that by the app's own Procfile."""

from __future__ import annotations

import re
from typing import Any

import yaml

from paas.stager.driver.failure import StagingError

MOST_RELEASE = 16 << 10
MOST_BRACKETS = 200
"""What is nested deeper takes the reader seconds, and is no list of process types."""
MOST_TYPES = 50
_LINE = re.compile(r"([A-Za-z0-9_-]{1,64})\s*:\s*(\S.*)")


def process_types(release: str, procfile: str, buildpack: str) -> dict[str, str]:
    """Type -> command, such as ``web``; StagingError names the place of what cannot be understood."""
    return {**_released(release, buildpack), **_of_procfile(procfile)}


def _released(text: str, buildpack: str) -> dict[str, str]:
    if len(text) > MOST_RELEASE:
        raise StagingError("BuildpackReleaseFailed", f"bin/release of buildpack {buildpack} says more than {MOST_RELEASE} bytes")  # fmt: skip
    if text.count("[") + text.count("{") > MOST_BRACKETS:
        raise StagingError("BuildpackReleaseFailed", f"bin/release of buildpack {buildpack} says YAML with more than {MOST_BRACKETS} brackets")  # fmt: skip
    try:
        # not libyaml's reader, which deep nesting makes crash
        found: Any = yaml.load(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        words = getattr(error, "problem", None) or "not YAML"
        raise StagingError("BuildpackReleaseFailed", f"bin/release of buildpack {buildpack} says no YAML{where}: {words}") from None  # fmt: skip
    except (ValueError, RecursionError):
        raise StagingError("BuildpackReleaseFailed", f"bin/release of buildpack {buildpack} says no YAML that can be read") from None  # fmt: skip
    if found is None:
        return {}
    types = (found.get("default_process_types") or {}) if isinstance(found, dict) else None
    if not isinstance(types, dict):
        raise StagingError(
            "BuildpackReleaseFailed", f"bin/release of buildpack {buildpack} must say a mapping with default_process_types, itself a mapping"
        )  # fmt: skip
    if len(types) > MOST_TYPES:
        raise StagingError("BuildpackReleaseFailed", f"bin/release of buildpack {buildpack} says more than {MOST_TYPES} process types")  # fmt: skip
    for name, command in types.items():
        if not isinstance(name, str) or not isinstance(command, str):
            raise StagingError(
                "BuildpackReleaseFailed", f"bin/release of buildpack {buildpack}: process type {str(name)[:60]!r} must have a command, a text"
            )  # fmt: skip
    return {str(name): str(command) for name, command in types.items()}


def _of_procfile(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise StagingError("StagerError", f"Procfile, line {number}: {line.strip()[:60]!r} is not of the form `type: command`")  # fmt: skip
        found[match[1]] = match[2]
    if len(found) > MOST_TYPES:
        raise StagingError("StagerError", f"the Procfile has more than {MOST_TYPES} process types")
    return found


def staging_info(types: dict[str, str], detected: str, buildpacks: list[dict[str, str]]) -> str:
    """The text of ``staging_info.yml``, which says to the cell what the droplet is and how it is started."""
    info = {
        "detected_buildpack": detected,
        "start_command": types.get("web", ""),
        "process_types": types,
        "buildpacks": [{"key": one.get("key", ""), "name": one.get("name", "")} for one in buildpacks],
    }
    return yaml.safe_dump(info, sort_keys=False)
