"""What an app asks for, as a file of requirements."""

import json
import tomllib
from pathlib import Path


class AppError(Exception):
    """The app cannot be staged as it is; says what to change."""


def requirements(build: Path, cache: Path) -> "str | None":
    """The file for pip's -r; None where the app asks for nothing. requirements.txt goes first, then Pipfile.lock, then pyproject.toml."""
    if (build / "requirements.txt").is_file():
        return "requirements.txt"
    for name, read in (("Pipfile.lock", _pipfile_lock), ("pyproject.toml", _pyproject)):
        if (build / name).is_file():
            lines = read(build / name)
            if not lines:
                return None
            cache.mkdir(parents=True, exist_ok=True)
            written = cache / "requirements.txt"
            written.write_text("\n".join(lines) + "\n")
            return str(written)
    return None


def _pipfile_lock(path: Path) -> "list[str]":
    try:
        locked = json.loads(path.read_text())["default"]
        found = []
        for name, one in locked.items():
            if "version" not in one:
                raise AppError(
                    f"Pipfile.lock: {name} comes from neither an index nor vendor/, but from a path or a repository"
                )
            extras = f"[{','.join(one['extras'])}]" if one.get("extras") else ""
            markers = f"; {one['markers']}" if one.get("markers") else ""
            found.append(f"{name}{extras}{one['version']}{markers}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AppError(f"Pipfile.lock cannot be read ({error}); write it anew with pipenv lock") from None
    return found


def _pyproject(path: Path) -> "list[str]":
    try:
        document = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AppError(f"pyproject.toml: {error}") from None
    project = document.get("project", {})
    if "poetry" in document.get("tool", {}) and "dependencies" not in project:
        raise AppError(
            "pyproject.toml: dependencies of [tool.poetry] are not read; write requirements.txt with poetry export"
        )
    found = project.get("dependencies", [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise AppError("pyproject.toml: project.dependencies must be a list of texts")
    return found
