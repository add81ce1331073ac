"""A checkout linked into an environment behaves as an editable install."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

PROJECT = """
[project]
name = "sapling"
version = "1.2"
dependencies = []
[project.scripts]
sap = "sapling_pkg:main"
[project.entry-points."sapling.plugins"]
leaf = "sapling_pkg:leaf"
"""
PACKAGE = """
def main():
    from importlib.metadata import entry_points, version
    found = [point.load() for point in entry_points(group="sapling.plugins")]
    print(version("sapling"), [leaf() for leaf in found])
    return 3

def leaf():
    return "green"
"""
CHECKOUT = Path(__file__).resolve().parents[3] / "lab" / "checkout.py"


def test_commands_and_entry_points_are_found(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "sapling_pkg.py").write_text(PACKAGE)
    environment = tmp_path / "env"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    for _ in range(2):  # a second time replaces the first
        subprocess.run([python, CHECKOUT, tmp_path], check=True)
    done = subprocess.run([environment / "bin" / "sap"], capture_output=True, text=True, check=False, cwd="/")
    assert (done.returncode, done.stdout, done.stderr) == (3, "1.2 ['green']\n", "")


def test_this_checkout_is_linked() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import lab, importlib.metadata as m; print(lab.__file__, m.version('meristem'))"],
        capture_output=True, text=True, check=True, cwd="/",
    )  # fmt: skip
    assert done.stdout.split()[0] == str(CHECKOUT.parent / "__init__.py")
