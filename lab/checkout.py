"""Makes a checkout importable in the virtual environment that runs this file, with its commands and entry points.

The outcome is that of an editable install (a path file, a dist-info folder per PEP 376/660, one script per
`[project.scripts]` entry), made without a build step or a network: it takes milliseconds and every package of the
tree is importable as it appears.
"""

from __future__ import annotations

import base64
import hashlib
import sys
import sysconfig
import tomllib
from pathlib import Path
from typing import Any

SCRIPT = """\
#!{python}
import sys

from {module} import {function}

if __name__ == "__main__":
    sys.argv[0] = {name!r}
    sys.exit({function}())
"""


def link(top: Path) -> list[Path]:
    """Link the checkout at `top`; returns the files written. Stale dist-info folders of the project are replaced."""
    project: dict[str, Any] = tomllib.loads((top / "pyproject.toml").read_text())["project"]
    site = Path(sysconfig.get_path("purelib"))
    scripts_dir = Path(sysconfig.get_path("scripts"))
    name, version = str(project["name"]), str(project["version"])
    for old in site.glob(f"{name}-*.dist-info"):
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
    info = site / f"{name}-{version}.dist-info"
    info.mkdir()
    scripts: dict[str, str] = project.get("scripts", {})
    files = {
        site / f"{name}.pth": f"{top}\n{top / 'releases/paas/src'}\n",
        info / "METADATA": _metadata(name, version, project),
        info / "INSTALLER": "meristem-checkout\n",
        info / "entry_points.txt": _entry_points(scripts, project.get("entry-points", {})),
    }
    for command, target in scripts.items():
        module, _, function = target.partition(":")
        files[scripts_dir / command] = SCRIPT.format(
            python=sys.executable, module=module, function=function, name=command
        )
    for path, text in files.items():
        path.write_text(text)
        if path.parent == scripts_dir:
            path.chmod(0o755)
    record = info / "RECORD"
    record.write_text("".join(_record_line(path, site) for path in files) + f"{record.relative_to(site)},,\n")
    return [*files, record]


def _metadata(name: str, version: str, project: dict[str, Any]) -> str:
    """Core metadata 2.1: enough for importlib.metadata and `pip list`."""
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in project.get("dependencies", [])]
    for extra, requirements in project.get("optional-dependencies", {}).items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f'Requires-Dist: {requirement}; extra == "{extra}"' for requirement in requirements]
    return "\n".join(lines) + "\n"


def _entry_points(scripts: dict[str, str], groups: dict[str, dict[str, str]]) -> str:
    """The `entry_points.txt` that importlib.metadata (and so the plugin manager) reads."""
    sections = {"console_scripts": scripts, **groups}
    return "\n".join(
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in entries.items())
        for group, entries in sections.items()
    )


def _record_line(path: Path, site: Path) -> str:
    data = path.read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    location = path.relative_to(site) if path.is_relative_to(site) else path
    return f"{location},sha256={digest},{len(data)}\n"


if __name__ == "__main__":
    link(Path(sys.argv[1]).resolve())
