"""What README and docs name is there: links, files, commands; and nothing of a particular machine is in the tree."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from lab.pages import commands, conformance
from lab.proof.told import in_page
from meristem.cli.verbs import ALIASES, VERBS

TREE = Path(__file__).resolve().parents[3]
ROOMS = (
    "agent",
    "bench",
    "bin",
    "cpi",
    "director",
    "docs",
    "lab",
    "manifests",
    "meristem",
    "releases",
    "stemcells",
    "tests",
)


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=TREE, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [name for name in listed.stdout.split("\0") if name and (TREE / name).is_file()]


PAGES = sorted(path for path in [TREE / "README.md", *(TREE / "docs").rglob("*.md")])
NAMES = [str(path.relative_to(TREE)) for path in PAGES]


def code_of(page: Path) -> list[str]:
    """Code spans and the lines of code blocks."""
    text = page.read_text()
    return [*re.findall(r"`([^`\n]+)`", text), *in_page(page)]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target.partition("#")[0]).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_named_files_are_there(page: Path) -> None:
    named = re.compile(rf"(?<![\w./-])(?:{'|'.join(ROOMS)})/[\w./-]*[\w/]")
    for code in code_of(page):
        if ".erb:" in code:  # a job's template and its place on the VM
            continue
        for path in named.findall(code):
            assert (TREE / path).exists(), f"{page.name}: `{code}` names {path}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_named_commands_exist(page: Path) -> None:
    for code in code_of(page):
        for verb in re.findall(
            r"(?:^|\$ |&& |\| )(?:meristem|mst) (?:(?:-\w|--[\w-]+)(?: [^-\s]\S*)? )*([a-z][\w-]*)", code
        ):
            assert verb in VERBS or verb in ALIASES, f"{page.name}: `{code}` names the command {verb}"


def test_the_checks_above_see_faults(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("See [it](gone.md), `lab/nothing.py` and\n\n    meristem -d demo dance\n")
    for check in (test_links_lead_somewhere, test_named_files_are_there, test_named_commands_exist):
        with pytest.raises(AssertionError):
            check(page)


def test_the_page_of_commands_is_up_to_date() -> None:
    assert commands.PAGE.read_text() == commands.page(), "run `python -m lab.pages.commands`"


def test_the_page_of_conformance_is_up_to_date() -> None:
    assert conformance.PAGE.read_text() == conformance.page(), "run `python -m lab.pages.conformance`"


def test_no_file_speaks_of_a_particular_machine() -> None:
    # in two parts each, so that this file does not find itself
    words = [
        "/wo" + "rk/",
        "/opt/" + "pypi",
        "/opt/" + "wheels",
        "py" + "pi.org",
        "python" + "hosted",
        "deb." + "debian.org",
    ]
    words += ["snapshot." + "debian.org", "registry." + "npmjs", "proxy." + "golang"]
    found: list[str] = []
    for name in tracked():
        data = (TREE / name).read_bytes()
        found += [f"{name}: {word}" for word in words if word.encode() in data]
    assert not found
